import { z } from 'zod';

/** Ids and iids of GitLab's. */
export const Id = z.number().int().positive();
