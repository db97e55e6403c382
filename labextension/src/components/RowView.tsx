/** One artifact in the list: what it is, how it stands, who stands for it, when and where it was touched. */

import * as React from 'react';
import type { Row } from '../api';
import { ago, plain, signersOf, verdictWord } from '../words';
import type { Words } from '../words';
import { useSurroundings } from './context';
import { VerdictIcon } from './Icon';
import { PathName } from './PathName';

/** Why the row is not plainly in order, in few words, each with its own look. */
function marks(row: Row, words: Words): string[] {
  return [
    ...(row.missing ? [words.__('missing')] : []),
    ...(row.changed ? [words.__('changed since')] : []),
    ...(row.stale ? [words.__('stale')] : []),
    ...(row.decisions.some(each => each.decision === 'overridden') ? [words.__('overridden')] : [])
  ];
}

/** A message without the name that it begins with, which stands in the line above. */
function afterName(message: string, path: string): string {
  return message.startsWith(`${path} `) ? message.slice(path.length + 1) : message;
}

/** The line under the name: what is wrong, or who stands for it. */
export function secondLine(row: Row, words: Words): string {
  const failing = row.reasons.find(reason => reason.fails);
  if (failing !== undefined && row.verdict !== 'allow') {
    return afterName(failing.message, row.path);
  }
  const signers = signersOf(row);
  if (signers.length > 0) {
    return words.__('signed by %1', signers.join(', '));
  }
  const note = row.reasons[0];
  return note === undefined ? words.__('nobody stands for it') : afterName(note.message, row.path);
}

interface Props {
  readonly row: Row;
  readonly id: string;
  readonly selected: boolean;
  readonly active: boolean;
  readonly position: number;
  readonly count: number;
  readonly style: React.CSSProperties;
  readonly onPick: (row: Row) => void;
}

function RowLine({ row, id, selected, active, position, count, style, onPick }: Props): React.JSX.Element {
  const { words, now } = useSurroundings();
  const second = plain(secondLine(row, words));
  const cell = row.execution_count === null ? '' : `[${row.execution_count}]`;
  const spoken = words.__('%1, %2, %3', plain(row.path), verdictWord(row.verdict, words), second);
  return (
    <div
      id={id}
      role="option"
      aria-selected={selected}
      aria-label={spoken}
      aria-setsize={count}
      aria-posinset={position}
      className={`mlsc-Row ${selected ? 'mlsc-mod-selected' : ''} ${active ? 'mlsc-mod-active' : ''}`}
      style={style}
      data-testid="mlsc-row"
      data-path={row.path}
      data-op={row.op}
      data-verdict={row.verdict}
      data-cell={row.cell_id ?? ''}
      title={`${plain(row.path)}\n${second}\n${row.digest}`}
      onClick={() => onPick(row)}
    >
      <VerdictIcon verdict={row.verdict} />
      <div className="mlsc-Row-text">
        <div className="mlsc-Row-first">
          <PathName path={row.path} />
          {marks(row, words).map(mark => (
            <span key={mark} className="mlsc-Mark">
              {mark}
            </span>
          ))}
        </div>
        <div className="mlsc-Row-second">
          <span className="mlsc-Row-why">{second}</span>
        </div>
      </div>
      <div className="mlsc-Row-side">
        <span>{row.kind === null ? '' : plain(row.kind)}</span>
        <span>
          {ago(row.at, now)} {cell !== '' && <span className="mlsc-Row-cell">{cell}</span>}
        </span>
      </div>
    </div>
  );
}

export const RowView = React.memo(RowLine);
