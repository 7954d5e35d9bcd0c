/** Commands that GitLab executes from a merge request's notes (doc/user/project/quick_actions.md). */
const NAMES = new Set(
  (
    'add_contacts,approve,assign,assign_reviewer,award,cc,clear_estimate,clear_spend,close,confidential,copy_metadata,create_merge_request,done,' +
    'draft,due,duplicate,estimate,estimate_time,iteration,label,labels,link,lock,mark_as_spam,mark_as_draft,mark_as_ready,merge,milestone,move,' +
    'parent,publish,react,ready,reassign,reassign_reviewer,rebase,relabel,remove_contacts,remove_estimate,remove_milestone,remove_time_spent,' +
    'reopen,request_review,run_pipeline,shrug,ship,spend,spend_time,submit_review,subscribe,tableflip,target_branch,title,todo,unapprove,unassign,' +
    'unassign_reviewer,unlabel,unlock,unsubscribe,weight,wip,zoom'
  ).split(','),
);

export interface QuickAction {
  readonly name: string;
  readonly argument: string;
}

/**
 * Splits a note into its quick actions and the rest, as lib/gitlab/quick_actions/extractor.rb does: a line that starts with
 * `/name` is a command, but not in fenced code, in a `>>>` quote, in an HTML block, or in inline code that spans lines.
 */
export function extractQuickActions(body: string): { readonly actions: readonly QuickAction[]; readonly text: string } {
  const actions: QuickAction[] = [];
  const kept: string[] = [];
  let closes: ((line: string) => boolean) | null = null;
  for (const line of body.replaceAll('\r', '').split('\n')) {
    if (closes) {
      if (closes(line)) closes = null;
      kept.push(line);
      continue;
    }
    const match = /^\/([a-z_]+)(?: (.*))?\s*$/i.exec(line);
    const name = match?.[1]?.toLowerCase();
    if (name !== undefined && NAMES.has(name)) {
      actions.push({ name, argument: match?.[2]?.trim() ?? '' });
      continue;
    }
    closes = blockEnd(line);
    kept.push(line);
  }
  return { actions, text: actions.length === 0 ? body.replaceAll('\r', '') : kept.join('\n').trim() };
}

/** How the block ends that this line opens; null where it opens none. */
function blockEnd(line: string): ((line: string) => boolean) | null {
  const fence = /^ {0,3}(`{3,}|~{3,})([^`]*)$/.exec(line)?.[1];
  // CommonMark: closed by at least as many of the same character, and nothing after them.
  if (fence !== undefined) return (end) => new RegExp(`^ {0,3}\\${fence[0]}{${fence.length},}\\s*$`).test(end);
  if (line.startsWith('>>>')) return (end) => end.startsWith('>>>');
  // CommonMark HTML block: until a blank line; a comment until its end.
  if (/^<!--/.test(line)) return line.includes('-->') ? null : (end) => end.includes('-->');
  if (/^<\/?[a-z][^>]*>/i.test(line)) return (end) => end.trim() === '';
  return null;
}

/** Whether nothing but one emoji is in it: GitLab makes an award of such a note. */
export function emojiOnly(body: string): string | null {
  return /^:([a-z0-9_+-]+):$/.exec(body.trim())?.[1] ?? null;
}
