import type { AppSpec } from '../deployment/app-spec.ts';
import { commandPreset } from './command.ts';
import { createInstalledPythons } from './dagster/installed-pythons.ts';
import { createUvCheck } from './dagster/uv.ts';
import { createDagsterPreset } from './dagster.ts';
import { interpreterVersions } from './interpreters.ts';
import type { Preset, RecogniseRequest } from './preset.ts';
import { recognise } from './recognise.ts';

/** What the presets take from the service's settings. */
export interface PresetOptions {
  /** Path of `uv`; default: `uv` on the PATH. */
  readonly uv?: string;
  /** Whether uv may download a Python that is not installed. */
  readonly pythonDownloads: boolean;
  /** The service's variables that instances get too, with their values: `PATH` is among them. A `.env` may not set them. */
  readonly passEnv: Readonly<Record<string, string>>;
}

/** All presets, behind the two questions that the reconcilers ask. */
export interface Presets {
  /** @throws ProblemError 422: what to change, and where */
  recognise(request: RecogniseRequest): Promise<AppSpec>;
  presetFor<Spec extends AppSpec>(spec: Spec): Preset<Spec>;
}

/** The registry of presets. */
export function createPresets(options: PresetOptions): Presets {
  const { pythonDownloads, passEnv } = options;
  const uv = options.uv ?? 'uv';
  const pythons = pythonDownloads ? undefined : createInstalledPythons({ uv, passEnv });
  const requireUv = createUvCheck(uv);
  const presets = {
    command: commandPreset,
    dagster: createDagsterPreset({ uv, pythonDownloads, passEnv }),
  };
  return {
    recognise: async (request) => {
      // Every launch asks for them: by then they have answered.
      void interpreterVersions();
      const spec = await recognise(request, { passed: Object.keys(passEnv), pythons });
      if (spec.preset === 'dagster') await requireUv();
      return spec;
    },
    presetFor: (spec) => presets[spec.preset] as unknown as Preset<typeof spec>,
  };
}
