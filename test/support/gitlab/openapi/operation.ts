/** JSON Schema, as far as the description uses it. */
export type Schema = { readonly [key: string]: unknown };

/** What a request may carry, query and body together: GitLab takes either. */
export interface Operation {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required: readonly string[];
}

export interface OperationFile {
  readonly about: string;
  /** By `GET /projects/{id}`. */
  readonly operations: Readonly<Record<string, Operation>>;
}
