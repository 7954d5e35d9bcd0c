import { describe, expect, it } from 'vitest';
import { locationsOf, recogniseFiles, SETUP } from '../../recognise-files.ts';

describe('[tool.dagster]', () => {
  it('with several modules is a location for each, of its own name', async () => {
    const { why, locations } = await locationsOf({
      'pyproject.toml':
        '[project]\nname = "x"\n[tool.dagster]\nmodules = [{ type = "module", name = "a.defs" }, { type = "other", name = "o" }, { type = "module", name = "b.defs" }]\n',
      ...SETUP,
    });

    expect(why).toBe('preset dagster: [tool.dagster] in pyproject.toml names the modules a.defs, b.defs');
    expect(locations).toMatchObject([
      { name: 'a.defs', load: { kind: 'module', name: 'a.defs' } },
      { name: 'b.defs', load: { kind: 'module', name: 'b.defs' } },
    ]);
  });

  it.each<[string, string, string]>([
    [
      'both keys',
      'module_name = "a"\nmodules = [{ type = "module", name = "b" }]',
      'only one of module_name and modules',
    ],
    ['a module without a type', 'modules = [{ name = "b" }]', 'modules[0] is not of the form { type = "module"'],
    [
      'one name for two modules',
      'code_location_name = "x"\nmodules = [{ type = "module", name = "a" }, { type = "module", name = "b" }]',
      'names the modules a, b, and two of them have the name "x"',
    ],
  ])('is refused with what to change: %s', async (_, text, message) => {
    await expect(recogniseFiles({ 'pyproject.toml': `[tool.dagster]\n${text}\n`, ...SETUP })).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining(message),
    });
  });
});
