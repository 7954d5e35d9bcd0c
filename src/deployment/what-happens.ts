/** What becomes of a merge request's branch deployments when something happens to it: the README's table, and one test for each row. */
export const WHAT_HAPPENS = {
  'it is opened': 'its first deploy job makes the deployment; before that there is nothing of it here',
  'a commit is pushed':
    'its deploy job brings a new revision, and the one before serves until that is healthy; where its pipeline brings none, the note says which commit the preview shows, and why',
  'it is given another target branch': 'nothing is deployed anew; the new target is remembered',
  'it is renamed': 'nothing is deployed anew',
  'it becomes a draft, or ready': 'nothing is deployed anew: a draft has its preview as well',
  'it is merged': 'instance, data, environment and bundle are removed, for good',
  'it is closed': 'instance, data and environment are removed; the last good bundle stays for 7 days',
  'it is reopened':
    'that bundle runs again, without a pipeline; without it, `/deploy` or a new pipeline brings it back',
  'its source branch is deleted': 'nothing, as long as GitLab says that it is open',
  'its project is moved or renamed':
    'name, link, note and environment stay; the new path is remembered, and `BD_ALLOWED_PROJECTS` must cover it for the next deploy job',
  'it is deleted':
    'all of it is removed once GitLab has answered 404 for it twice, 30 s apart, while its project is there and shows merge requests to the bot',
  'its project is deleted':
    'it stays, and is shown as unreadable; when GitLab has answered 404 for the project for 72 h, and takes the token, the deployment is removed; the last good bundle stays for 7 days more',
  "the bot's token loses its rights":
    'it stays, and is shown as unreadable, with what to do; GitLab is asked again every 5 minutes; note and environment are made right once it can be read again',
  'GitLab is out of reach': 'it stays; GitLab is asked again, at most 5 minutes apart',
} as const;

export type Happening = keyof typeof WHAT_HAPPENS;
