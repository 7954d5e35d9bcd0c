import fc from 'fast-check';

/** One asset of a generated project: pieces of Python, each undefined where the project does not say it. */
interface Asset {
  readonly at: number;
  readonly form: 'asset' | 'inputs' | 'multi_asset' | 'spec';
  readonly body: string;
  readonly dependencies: readonly Dependency[];
  readonly said: Readonly<Partial<Record<Argument, string>>>;
}

type Argument = keyof typeof POOLS;

interface Dependency {
  /** Index of an asset before it, or negative: an asset of another location. */
  readonly on: number;
  readonly mapping: string;
}

/** A project before and after: the text of its one file. */
export interface Pair {
  readonly base: string;
  readonly branch: string;
}

const KEYS = ['["raw"]', '["shop", "orders"]', '["shop", "lines"]', '["a"]', '["b"]', '["c", "d", "e"]', '["z"]'];
const ELSEWHERE = ['["elsewhere"]', '["shop", "stock"]'];

const DAILY = 'dg.DailyPartitionsDefinition("2024-01-01")';
const REGIONS = 'dg.StaticPartitionsDefinition(["eu", "us"])';

/**
 * Few values, so that two sides often agree. Among them are such as are written in another way and mean the same, and such as differ in
 * one thing only.
 */
const POOLS = {
  partitions_def: [
    DAILY,
    'dg.TimeWindowPartitionsDefinition(cron_schedule="0 0 * * *", start="2024-01-01", fmt="%Y-%m-%d")',
    'dg.DailyPartitionsDefinition("2024-01-01", timezone="UTC")',
    'dg.DailyPartitionsDefinition("2024-01-01", timezone="Europe/Berlin")',
    'dg.DailyPartitionsDefinition("2024-01-01", end_offset=1)',
    'dg.DailyPartitionsDefinition("2024-01-01", end_date="2025-01-01")',
    'dg.DailyPartitionsDefinition("2024-01-01", exclusions=["0 0 * * 0"])',
    'dg.DailyPartitionsDefinition("2024-01-01", hour_offset=3)',
    'dg.HourlyPartitionsDefinition("2024-01-01-00:00")',
    'dg.WeeklyPartitionsDefinition("2024-01-01", day_offset=2)',
    REGIONS,
    'dg.StaticPartitionsDefinition(list(("eu", "us")))',
    'dg.StaticPartitionsDefinition(["us", "eu"])',
    'dg.StaticPartitionsDefinition(["eu", "us", "asia"])',
    'dg.DynamicPartitionsDefinition(name="customers")',
    'dg.DynamicPartitionsDefinition(name="suppliers")',
    `dg.MultiPartitionsDefinition({"day": ${DAILY}, "region": ${REGIONS}})`,
    `dg.MultiPartitionsDefinition({"region": ${REGIONS}, "day": ${DAILY}})`,
    `dg.MultiPartitionsDefinition({"day": ${DAILY}, "area": ${REGIONS}})`,
  ],
  tags: ['{}', '{"team": "red"}', '{"team": "blue"}', '{"team": "red", "x": ""}', '{"x": "", "team": "red"}'],
  kinds: ['set()', '{"sql"}', '{"sql", "python"}', '{"python", "sql"}'],
  metadata: [
    '{}',
    '{"rows": 12}',
    '{"rows": 13}',
    '{"rows": "12"}',
    '{"rows": 12, "share": 0.5}',
    '{"share": 0.5, "rows": 12}',
    '{"rows": None}',
    '{"json": {"a": [1, 2], "b": {"c": None, "d": "e"}}}',
    '{"json": {"b": {"d": "e", "c": None}, "a": [1, 2]}}',
    '{"json": {"a": [2, 1], "b": {"c": None, "d": "e"}}}',
    '{"path": dg.MetadataValue.path("/data/x")}',
    '{"path": dg.MetadataValue.path("/data/y"), "url": dg.MetadataValue.url("https://example.com/?a=1&b=2")}',
    '{"md": dg.MetadataValue.md("# Title")}',
    '{"schema": dg.TableSchema(columns=[dg.TableColumn("id", "int"), dg.TableColumn("at", "date")])}',
    '{"schema": dg.TableSchema(columns=[dg.TableColumn("at", "date"), dg.TableColumn("id", "int")])}',
    '{"schema": dg.TableSchema(columns=[dg.TableColumn("id", "int", tags={"pii": ""}), dg.TableColumn("at", "date")])}',
    '{"dagster/table_name": "db.main.orders"}',
    '{"dagster/table_name": "db.branch.orders"}',
    '{"asset": dg.AssetKey(["x", "y"]), "odd": object}',
    `{"long": "${'long text, '.repeat(60)}"}`,
    `{"long": "${'long text, '.repeat(60)}and more"}`,
  ],
  code_version: ['"1"', '"2"', 'str(1)'],
  group_name: ['"sales"', '"stock"'],
  owners: ['["team:red"]', '["team:blue", "someone@example.com"]'],
  description: ['"All orders."', '"All of the orders."'],
  automation_condition: ['dg.AutomationCondition.eager()', 'dg.AutomationCondition.on_cron("0 5 * * *")'],
} as const;

/** Where neither side has partitions Dagster does not look at them; None: none is given. */
const MAPPINGS = [
  'None',
  'dg.AllPartitionMapping()',
  'dg.SpecificPartitionsPartitionMapping(["2024-02-01"])',
  'dg.SpecificPartitionsPartitionMapping(["2024-02-02"])',
  'dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)',
  'dg.TimeWindowPartitionMapping(start_offset=-1)',
  'dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0, allow_nonexistent_upstream_partitions=False)',
  'dg.StaticPartitionMapping({"eu": {"eu", "us"}})',
  'dg.StaticPartitionMapping({"eu": {"us", "eu"}})',
  'dg.StaticPartitionMapping({"eu": ["us"]})',
  'dg.MultiToSingleDimensionPartitionMapping("region")',
  'dg.MultiPartitionMapping({"day": dg.DimensionPartitionMapping("day", dg.TimeWindowPartitionMapping(start_offset=-1))})',
  'dg.MultiPartitionMapping({"day": dg.DimensionPartitionMapping("day", dg.TimeWindowPartitionMapping())})',
];

const said = fc.record(
  Object.fromEntries(Object.entries(POOLS).map(([name, values]) => [name, fc.constantFrom(...values)])) as {
    [K in Argument]: fc.Arbitrary<string>;
  },
  { requiredKeys: [] },
);

const dependency = fc.record({
  on: fc.integer({ min: -2, max: KEYS.length - 2 }),
  mapping: fc.constantFrom(...MAPPINGS),
});
const dependencies = fc.uniqueArray(dependency, { maxLength: 3, selector: ({ on }) => on });

const assetAt = (at: number): fc.Arbitrary<Asset> =>
  fc.record({
    at: fc.constant(at),
    form: fc.constantFrom('asset', 'inputs', 'multi_asset', 'spec'),
    body: fc.constantFrom('1', '2'),
    // Only what comes before: definitions have no cycles.
    dependencies: dependencies.map((all) => all.filter(({ on }) => on < at)),
    said,
  });

const side = fc.tuple(...KEYS.map((_, at) => fc.option(assetAt(at), { nil: undefined, freq: 4 })));

/** The branch is the base but for some of its assets, and in these but for some of what they say. */
export const pair: fc.Arbitrary<Pair> = fc
  .record({
    base: side,
    other: side,
    edits: fc.tuple(...KEYS.map(() => fc.constantFrom('none', 'none', 'one thing', 'one thing', 'all'))),
    what: fc.tuple(
      ...KEYS.map(() => fc.constantFrom('form', 'body', 'dependencies', ...(Object.keys(POOLS) as Argument[]))),
    ),
    backwards: fc.boolean(),
  })
  .map(({ base, other, edits, what, backwards }) => {
    const branch = base.map((asset, at) => {
      if (edits[at] === 'none') return asset;
      const replacement = other[at];
      return edits[at] === 'all' || !asset || !replacement
        ? replacement
        : withOne(asset, replacement, what[at] as string);
    });
    return { base: projectOf(base), branch: projectOf(backwards ? branch.toReversed() : branch) };
  });

function withOne(asset: Asset, other: Asset, what: string): Asset {
  if (what === 'form' || what === 'body' || what === 'dependencies') return { ...asset, [what]: other[what] };
  const name = what as Argument;
  const { [name]: _, ...rest } = asset.said;
  return { ...asset, said: other.said[name] === undefined ? rest : { ...rest, [name]: other.said[name] } };
}

function projectOf(assets: ReadonlyArray<Asset | undefined>): string {
  const there = assets.filter((one) => one !== undefined);
  const names = there.map(({ at }) => `asset_${at}`).join(', ');
  const known = new Set(there.map(({ at }) => at));
  const texts = there.map((one) => assetText(one, known));
  return ['import dagster as dg', ...texts, `defs = dg.Definitions(assets=[${names}])`, ''].join('\n\n');
}

/** @param known what the project has: only these can be inputs */
function assetText({ at, form, body, dependencies, said }: Asset, known: ReadonlySet<number>): string {
  const inputs = form === 'inputs' ? dependencies.filter(({ on }) => known.has(on)) : [];
  const others = dependencies.filter((one) => !inputs.includes(one));
  const given = [
    `key=${KEYS[at]}`,
    ...Object.entries(said).map(([name, value]) => `${name}=${value}`),
    ...(inputs.length > 0 ? [`ins={${inputs.map(inputText).join(', ')}}`] : []),
    `deps=[${others.map(depText).join(', ')}]`,
  ].join(', ');
  if (form === 'spec') return `asset_${at} = dg.AssetSpec(${given})`;
  const decorator = form === 'multi_asset' ? `multi_asset(specs=[dg.AssetSpec(${given})])` : `asset(${given})`;
  return `@dg.${decorator}\ndef asset_${at}(${inputs.map(inputName).join(', ')}):\n    return ${body}`;
}

const keyOf = ({ on }: Dependency) => (on < 0 ? ELSEWHERE[-on - 1] : KEYS[on]);
const inputName = ({ on }: Dependency) => `from_${on}`;
const inputText = (one: Dependency) =>
  `"${inputName(one)}": dg.AssetIn(key=${keyOf(one)}, partition_mapping=${one.mapping})`;
const depText = (one: Dependency) => `dg.AssetDep(${keyOf(one)}, partition_mapping=${one.mapping})`;
