import { approvalLine } from '../../deployment/forks.ts';
import { codeSpan } from './escape.ts';
import type { NoteModel } from './model.ts';

/** Who must write what before a fork's head runs. Empty where nobody has to. */
export function renderApproval({ mergeRequest }: NoteModel): string {
  if (mergeRequest.toApprove === null) return '';
  return (
    'This merge request comes from a fork: a commit of it runs only after a Developer of this project has approved it. ' +
    `Look through the changes first; then comment ${codeSpan(approvalLine(mergeRequest.toApprove))}. A new push needs a new approval.`
  );
}
