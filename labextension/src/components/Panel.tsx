/** The panel as a whole: a function of what the server said. */

import * as React from 'react';
import type { PanelState } from '../model';
import { Artifacts } from './Artifacts';
import { useSurroundings } from './context';
import { Details } from './Details';
import { EnvironmentView, Findings } from './findings';
import { Header } from './Header';
import { LedgerFooter } from './LedgerFooter';
import { FirstRun, Loading, NoNotebook, Notes, NothingRecorded, ProblemView } from './states';

type Tab = 'artifacts' | 'findings' | 'environment';

function Tabs({ tab, tabs, onTab }: { readonly tab: Tab; readonly tabs: readonly (readonly [Tab, string, number | null])[]; readonly onTab: (tab: Tab) => void }): React.JSX.Element {
  const { words } = useSurroundings();
  const step = (event: React.KeyboardEvent<HTMLElement>): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by !== undefined) {
      const at = tabs.findIndex(([name]) => name === tab);
      const next = tabs[(at + by + tabs.length) % tabs.length];
      if (next !== undefined) {
        onTab(next[0]);
        event.currentTarget.querySelector<HTMLElement>(`#mlsc-tab-${next[0]}`)?.focus();
      }
      event.preventDefault();
    }
  };
  return (
    <div className="mlsc-Tabs" role="tablist" aria-label={words.__('Parts of the story')} onKeyDown={step}>
      {tabs.map(([name, label, count]) => (
        <button
          key={name}
          id={`mlsc-tab-${name}`}
          role="tab"
          aria-selected={tab === name}
          aria-controls="mlsc-tabpanel"
          tabIndex={tab === name ? 0 : -1}
          className="mlsc-Tab"
          onClick={() => onTab(name)}
        >
          {label} {count !== null && <span className="mlsc-Count">{count}</span>}
        </button>
      ))}
    </div>
  );
}

function Story({ state, cell, onCell }: Props & { readonly state: PanelState & { runs: NonNullable<PanelState['runs']> } }): React.JSX.Element {
  const { words } = useSurroundings();
  const { runs, detail, status } = state;
  const [tab, setTab] = React.useState<Tab>('artifacts');
  React.useEffect(() => {
    if (cell !== null) {
      setTab('artifacts');
    }
  }, [cell]);
  const hasDetails = tab === 'artifacts' && detail !== null;
  const tabs: readonly (readonly [Tab, string, number | null])[] = [
    ['artifacts', words.__('Artifacts'), runs.rows.length + runs.rows_left],
    ['findings', words.__('Findings'), runs.findings.length],
    ['environment', words.__('Run'), null]
  ];
  return (
    <>
      <Header runs={runs} status={status} reviews={state.reviews} isAlone={!hasDetails} />
      <Tabs tab={tab} tabs={tabs} onTab={setTab} />
      <div id="mlsc-tabpanel" className="mlsc-TabPanel" role="tabpanel" aria-labelledby={`mlsc-tab-${tab}`}>
        {tab === 'artifacts' &&
          (runs.rows.length === 0 ? (
            <NothingRecorded />
          ) : (
            <Artifacts rows={runs.rows} left={runs.rows_left} selected={detail?.row ?? null} cell={cell} onCell={onCell} />
          ))}
        {tab === 'findings' && <Findings findings={runs.findings} />}
        {tab === 'environment' && <EnvironmentView environment={runs.environment} gaps={runs.coverage} runs={runs.runs} />}
      </div>
      {hasDetails && <Details key={`${detail.row.op} ${detail.row.path}`} detail={detail} />}
    </>
  );
}

interface Props {
  readonly state: PanelState;
  /** Show only what this cell touched. */
  readonly cell: string | null;
  readonly onCell: (cell: string | null) => void;
}

function Body(props: Props): React.JSX.Element {
  const { state } = props;
  const { status, runs, problem, path } = state;
  if (status?.state === 'no-project') {
    return <FirstRun status={status} />;
  }
  if (problem !== null) {
    return <ProblemView problem={problem} />;
  }
  if (status !== null && status.state !== 'ready') {
    const note = status.notes[0];
    return <ProblemView problem={{ code: status.state, message: note?.message ?? status.state, next: note?.next ?? null }} />;
  }
  if (runs !== null) {
    return <Story {...props} state={{ ...state, runs }} />;
  }
  return path === null && !state.loading ? <NoNotebook /> : <Loading />;
}

export function Panel(props: Props): React.JSX.Element {
  const { words } = useSurroundings();
  const { status, ledger, offline, loading } = props.state;
  return (
    <div className="mlsc-Panel" aria-busy={loading}>
      {offline && (
        <p className="mlsc-Offline" role="status">
          <span className="mlsc-Spinner" aria-hidden="true" /> {words.__('The server does not answer. It is asked again by itself.')}
        </p>
      )}
      {status?.state === 'ready' && <Notes notes={status.notes} />}
      <Body {...props} />
      {ledger !== null && <LedgerFooter ledger={ledger} />}
    </div>
  );
}
