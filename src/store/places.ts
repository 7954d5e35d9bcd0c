import { sql } from 'drizzle-orm';
import type { House, Resident } from '../deployment/admission.ts';
import type { Database } from './database.ts';

export interface PlaceQueries {
  /** Who holds a place and who waits for one, in order, as the rows are now. */
  house(limit: number): House;
  /** In the order in which they came. */
  waiting(): Resident[];
}

export function placeQueries(db: Database): PlaceQueries {
  const resident = sql`d.id as "deploymentId", d.project_id as "projectId", m.iid as iid`;
  // What makes a deployment wait is looked at as well as the mark: a mark that is out of date holds up nobody.
  const waiting = () =>
    db.all<Resident>(
      sql`select ${resident} from deployments d join merge_requests m on m.id = d.merge_request_id
        where d.waiting_since is not null and d.wanted = 'running'
        and exists (select 1 from revisions r where r.deployment_id = d.id and r.state = 'queued')
        and not exists (select 1 from revisions r where r.deployment_id = d.id and r.instance_state = 'present')
        order by d.waiting_since, d.id`,
    );
  return {
    house: (limit) => ({
      limit,
      holders: db.all<Resident>(
        sql`select ${resident} from deployments d join merge_requests m on m.id = d.merge_request_id
          where d.id in (select r.deployment_id from revisions r where r.instance_state = 'present')
          order by d.id`,
      ),
      waiting: waiting(),
    }),
    waiting,
  };
}
