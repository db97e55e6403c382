/** Inputs and outputs as one list that stays smooth with many thousands of rows; filtered, ordered and walked with the keyboard. */

import { useVirtualizer } from '@tanstack/react-virtual';
import * as React from 'react';
import type { Row } from '../api';
import { lines, rowKey, WHOLE } from '../rows';
import type { Order, Show, View } from '../rows';
import { plain } from '../words';
import { useSurroundings } from './context';
import { Icon } from './Icon';
import { RowView } from './RowView';

const ROW_HEIGHT = 46;
const HEADING_HEIGHT = 28;

function Tools({ view, onChange }: { readonly view: View; readonly onChange: (view: View) => void }): React.JSX.Element {
  const { words } = useSurroundings();
  const shows: readonly (readonly [Show, string])[] = [
    ['all', words.__('All')],
    ['problems', words.__('To look at')],
    ['read', words.__('Inputs')],
    ['write', words.__('Outputs')]
  ];
  const orders: readonly (readonly [Order, string])[] = [
    ['cell', words.__('by cell')],
    ['verdict', words.__('by verdict')],
    ['name', words.__('by name')],
    ['time', words.__('newest first')]
  ];
  return (
    <div className="mlsc-Tools" role="search">
      <input
        type="search"
        className="mlsc-Filter"
        placeholder={words.__('Filter')}
        aria-label={words.__('Filter by name, kind, signer, digest or reason')}
        value={view.text}
        onChange={event => onChange({ ...view, text: event.target.value })}
      />
      <select aria-label={words.__('Show')} value={view.show} onChange={event => onChange({ ...view, show: event.target.value as Show })}>
        {shows.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <select aria-label={words.__('Order')} value={view.order} onChange={event => onChange({ ...view, order: event.target.value as Order })}>
        {orders.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      {view.cell !== null && (
        <button className="mlsc-Button mlsc-mod-quiet" onClick={() => onChange({ ...view, cell: null })}>
          <Icon name="close" /> {words.__('One cell only')}
        </button>
      )}
    </div>
  );
}

interface Props {
  readonly rows: readonly Row[];
  readonly left: number;
  readonly selected: Row | null;
  readonly cell: string | null;
  readonly onCell: (cell: string | null) => void;
}

export function Artifacts({ rows, left, selected, cell, onCell }: Props): React.JSX.Element {
  const { words, deeds } = useSurroundings();
  const [chosen, setView] = React.useState<View>(WHOLE);
  const view = React.useMemo(() => ({ ...chosen, cell }), [chosen, cell]);
  const list = React.useMemo(() => lines(rows, view), [rows, view]);
  const scroller = React.useRef<HTMLDivElement>(null);
  const [active, setActive] = React.useState<string | null>(null);
  const prefix = React.useId();

  const virtual = useVirtualizer({
    count: list.length,
    getScrollElement: () => scroller.current,
    estimateSize: index => (list[index] !== undefined && 'heading' in list[index] ? HEADING_HEIGHT : ROW_HEIGHT),
    overscan: 8,
    initialRect: { width: 300, height: 600 }
  });
  React.useEffect(() => virtual.measure(), [list, virtual]);

  const places = React.useMemo(() => list.flatMap((line, index) => ('row' in line ? [index] : [])), [list]);
  const positions = React.useMemo(() => new Map(places.map((index, at) => [index, at + 1])), [places]);
  const at = React.useMemo(() => new Map(list.flatMap((line, index) => ('row' in line ? [[rowKey(line.row), index] as const] : []))), [list]);
  const activeAt = active === null ? -1 : (at.get(active) ?? -1);
  const chosenKey = selected === null ? null : rowKey(selected);

  // The details take room from the list: what was chosen stays in sight.
  React.useEffect(() => {
    const place = chosenKey === null ? undefined : at.get(chosenKey);
    if (place !== undefined) {
      const frame = requestAnimationFrame(() => virtual.scrollToIndex(place, { align: 'auto' }));
      return () => cancelAnimationFrame(frame);
    }
    return undefined;
    // Only a choice scrolls, not each new answer.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [chosenKey]);

  const pick = React.useCallback(
    (row: Row) => {
      setActive(rowKey(row));
      deeds.select(row);
      deeds.jump(row.cell_id, row.execution_count);
    },
    [deeds]
  );

  const move = (event: React.KeyboardEvent): void => {
    const active = (positions.get(activeAt) ?? 0) - 1;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 1);
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: active + 1,
      ArrowUp: active < 0 ? places.length - 1 : active - 1,
      Home: 0,
      End: places.length - 1,
      PageDown: active + page,
      PageUp: active - page
    };
    const target = targets[event.key];
    const current = list[activeAt];
    if (target !== undefined && places.length > 0) {
      const index = places[Math.min(places.length - 1, Math.max(0, target))] as number;
      const line = list[index];
      if (line !== undefined && 'row' in line) {
        setActive(rowKey(line.row));
        virtual.scrollToIndex(index);
      }
    } else if ((event.key === 'Enter' || event.key === ' ') && current !== undefined && 'row' in current) {
      pick(current.row);
    } else if (event.key === 'Escape' && selected !== null) {
      deeds.select(null);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const tools = (
    <Tools
      view={view}
      onChange={next => {
        setView(next);
        if (next.cell !== cell) {
          onCell(next.cell);
        }
      }}
    />
  );
  return (
    <div className="mlsc-Artifacts">
      {tools}
      <div
        ref={scroller}
        className="mlsc-List"
        role="listbox"
        tabIndex={0}
        aria-label={words.__('Inputs and outputs')}
        aria-activedescendant={activeAt < 0 ? undefined : `${prefix}-${activeAt}`}
        onKeyDown={move}
      >
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map(item => {
            const line = list[item.index];
            const style: React.CSSProperties = { position: 'absolute', top: 0, left: 0, right: 0, height: item.size, transform: `translateY(${item.start}px)` };
            if (line === undefined) {
              return null;
            }
            if ('heading' in line) {
              const label = line.heading === 'read' ? words.__('Inputs') : words.__('Outputs');
              return (
                <div key={line.heading} role="presentation" className="mlsc-Heading" style={style}>
                  {label} <span className="mlsc-Count">{line.count === line.of ? line.of : words.__('%1 of %2', line.count, line.of)}</span>
                </div>
              );
            }
            const key = rowKey(line.row);
            return (
              <RowView
                key={key}
                row={line.row}
                id={`${prefix}-${item.index}`}
                selected={key === chosenKey}
                active={key === active}
                position={positions.get(item.index) ?? 0}
                count={places.length}
                style={style}
                onPick={pick}
              />
            );
          })}
        </div>
      </div>
      {list.length === 0 && (
        <p className="mlsc-Quiet mlsc-Nothing" role="status">
          {view.text === '' ? words.__('Nothing to show.') : words.__('Nothing matches “%1”.', plain(view.text))}
        </p>
      )}
      {left > 0 && <p className="mlsc-Quiet mlsc-Nothing">{words._n('%1 row more is not shown.', '%1 rows more are not shown.', left)}</p>}
    </div>
  );
}
