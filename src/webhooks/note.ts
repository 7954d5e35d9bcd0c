import { z } from 'zod';
import { parseCommand } from '../deployment/commands.ts';
import { accept, ignore, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Payload = z.object({
  object_attributes: z.object({
    id: Id,
    note: z.string(),
    noteable_type: z.string(),
    system: z.boolean().nullish(),
    action: z.string().nullish(), // since GitLab 16.11
  }),
});
const Target = z.object({ merge_request: z.object({ iid: Id, target_project_id: Id }) });

/** A new comment with a command in it. Comments of our own never hold one, so they do not come back as work. */
export function readNote(body: unknown): WebhookReading {
  const { object_attributes: note } = Payload.parse(body);
  if (note.noteable_type !== 'MergeRequest') return ignore('the comment is not on a merge request');
  if (note.system === true) return ignore('the comment is a system note');
  if ((note.action ?? 'create') !== 'create') return ignore('the comment is not new');
  if (parseCommand(note.note) === undefined) return ignore('the comment holds no command');
  const { merge_request: mergeRequest } = Target.parse(body);
  return accept({
    kind: 'comment',
    projectId: mergeRequest.target_project_id,
    iid: mergeRequest.iid,
    noteId: note.id,
  });
}
