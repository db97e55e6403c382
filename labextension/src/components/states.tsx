/** What stands where nothing else can: loading, nothing yet, a problem, a first run. Each says what to do next. */

import * as React from 'react';
import type { Mode, Problem, Reason, Status } from '../api';
import { modeMeaning, plain } from '../words';
import { useSurroundings } from './context';
import { Icon } from './Icon';

export function Loading(): React.JSX.Element {
  const { words } = useSurroundings();
  return (
    <div className="mlsc-State" role="status">
      <span className="mlsc-Spinner" aria-hidden="true" />
      <p>{words.__('Asking the server…')}</p>
    </div>
  );
}

/** No notebook is in front. */
export function NoNotebook(): React.JSX.Element {
  const { words } = useSurroundings();
  return (
    <div className="mlsc-State">
      <Icon name="ledger" className="mlsc-State-picture" />
      <h3>{words.__('No notebook is open')}</h3>
      <p>{words.__('Open one to see what it read and wrote, who stands for it, and what to do next.')}</p>
    </div>
  );
}

/** A notebook that has not run under watch. */
export function NothingRecorded(): React.JSX.Element {
  const { words, deeds } = useSurroundings();
  return (
    <div className="mlsc-State">
      <Icon name="ledger" className="mlsc-State-picture" />
      <h3>{words.__('Nothing is on record yet')}</h3>
      <p>{words.__('Run this first in the notebook, or choose a supervised kernel. What it reads and writes appears here at once.')}</p>
      <code className="mlsc-Command">%load_ext jupyter_mlsc</code>
      <button className="mlsc-Button mlsc-mod-primary" onClick={deeds.guard}>
        {words.__('Add it as the first cell')}
      </button>
    </div>
  );
}

export function ProblemView({ problem }: { readonly problem: Problem }): React.JSX.Element {
  const { words, deeds } = useSurroundings();
  return (
    <div className="mlsc-State mlsc-mod-problem" role="alert">
      <Icon name="block" className="mlsc-VerdictIcon mlsc-mod-block mlsc-State-picture" />
      <h3>{words.__('This cannot be shown')}</h3>
      <p>{plain(problem.message)}</p>
      {problem.next !== null && <p className="mlsc-Next">{plain(problem.next)}</p>}
      <button className="mlsc-Button" onClick={deeds.refresh}>
        <Icon name="refresh" /> {words.__('Try again')}
      </button>
    </div>
  );
}

/** Notes about the project as a whole: a policy that is not accepted, a ledger that contradicts itself. */
export function Notes({ notes }: { readonly notes: readonly Reason[] }): React.JSX.Element | null {
  const { words } = useSurroundings();
  if (notes.length === 0) {
    return null;
  }
  return (
    <ul className="mlsc-Notes" aria-label={words.__('Notes about the project')}>
      {notes.map(note => (
        <li key={`${note.code} ${note.message}`} className={note.fails ? 'mlsc-Note mlsc-mod-fails' : 'mlsc-Note'}>
          <Icon name={note.fails ? 'block' : 'warn'} className={`mlsc-VerdictIcon mlsc-mod-${note.fails ? 'block' : 'warn'}`} />
          <span>
            {plain(note.message)}. <em>{plain(note.next)}</em>
          </span>
        </li>
      ))}
    </ul>
  );
}

const MODES: readonly Mode[] = ['warn', 'observe', 'enforce'];

/** No project holds this folder: offer to make one. */
export function FirstRun({ status }: { readonly status: Status }): React.JSX.Element {
  const { words, deeds } = useSurroundings();
  const [mode, setMode] = React.useState<Mode>('warn');
  const { init } = status.may;
  const labels: Readonly<Record<Mode, string>> = { warn: words.__('Warn'), observe: words.__('Observe'), enforce: words.__('Enforce') };
  return (
    <div className="mlsc-State mlsc-FirstRun">
      <Icon name="key" className="mlsc-State-picture" />
      <h3>{words.__('Start keeping a record here')}</h3>
      <p>{words.__('This folder is no project yet. Starting one makes a policy, a ledger and a key of your own, as mlsc init does. You can repeat it safely.')}</p>
      <fieldset className="mlsc-Modes" disabled={!init.allowed}>
        <legend>{words.__('What happens to data and models that nobody stands for')}</legend>
        {MODES.map(each => (
          <label key={each}>
            <input type="radio" name="mlsc-mode" value={each} checked={mode === each} onChange={() => setMode(each)} />
            <span>
              <strong>{labels[each]}</strong> <span className="mlsc-Quiet">{modeMeaning(each, words)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {!init.allowed && <p className="mlsc-Next">{plain(init.why)}</p>}
      <button className="mlsc-Button mlsc-mod-primary" data-testid="mlsc-init" disabled={!init.allowed} onClick={() => deeds.initialize(mode)}>
        {words.__('Start here')}
      </button>
    </div>
  );
}
