import { buildService, ServiceProcess } from '../support/service-process.ts';
import { openWorld, type World } from '../support/world.ts';

/** A world whose service is the built one, in a process of its own, so that it can be killed. */
export interface BuiltWorld {
  readonly world: World;
  readonly service: ServiceProcess;
  close(): Promise<void>;
}

/** Building takes most of its time: give `beforeAll` two minutes. */
export async function openBuiltWorld(env: Readonly<Record<string, string>>): Promise<BuiltWorld> {
  const [world, built] = await Promise.all([
    openWorld({ pipelines: false, env, startsService: false }),
    buildService(),
  ]);
  const service = new ServiceProcess({ main: built.main, env: world.env });
  const close = async () => {
    await service.end('SIGTERM').catch(() => {});
    await world.close();
    built.dispose();
  };
  try {
    await service.start();
  } catch (error) {
    await close();
    throw error;
  }
  return { world, service, close };
}
