import type { ChangeGraph, ChangeNode } from '../../deployment/changes.ts';
import { cleanLine } from './clean-text.ts';

const MAX_LABEL = 60;

/** Colours that can be read on a light and on a dark page. */
const STYLES: Readonly<Record<ChangeNode['state'], string>> = {
  new: 'fill:#1f75cb,stroke:#064787,color:#ffffff',
  changed: 'fill:#ab6100,stroke:#703800,color:#ffffff',
  removed: 'fill:#dd2b0e,stroke:#8d1300,color:#ffffff,stroke-dasharray:4',
  downstream: 'fill:#737278,stroke:#434248,color:#ffffff',
};

/** What the colours above are called. */
const COLOURS: Readonly<Record<ChangeNode['state'], string>> = {
  new: 'blue',
  changed: 'orange',
  removed: 'red',
  downstream: 'grey',
};

/** The graph as a Mermaid block, which GitLab draws, and what its colours mean. */
export function renderChangeGraph(graph: ChangeGraph): string {
  const states = Object.keys(STYLES) as ReadonlyArray<ChangeNode['state']>;
  const used = states.filter((state) => graph.nodes.some((node) => node.state === state));
  return [
    '```mermaid',
    'graph LR',
    ...graph.nodes.map((node, index) => `  n${index}["${label(node)}"]:::${node.state}`),
    ...graph.edges.map(([from, to]) => `  n${from} --> n${to}`),
    ...used.map((state) => `  classDef ${state} ${STYLES[state]}`),
    '```',
    '',
    `In the graph: ${used.map((state) => `${COLOURS[state]} is ${state}`).join(', ')}.`,
  ].join('\n');
}

function label({ label: text, assets }: ChangeNode): string {
  const shown = mermaidText(text);
  return assets === undefined ? shown : `${shown} (${assets} ${assets === 1 ? 'asset' : 'assets'})`;
}

/**
 * Somebody's text within a quoted label: letters, digits and a few marks stand as they are, all else as Mermaid's entity codes
 * (https://mermaid.js.org/syntax/flowchart.html, "Entity codes to escape characters").
 */
function mermaidText(text: string): string {
  const shown = cleanLine(text, MAX_LABEL).replace(
    /[^\p{L}\p{N} _./-]/gu,
    (character) => `#${character.codePointAt(0)};`,
  );
  return shown || '–';
}
