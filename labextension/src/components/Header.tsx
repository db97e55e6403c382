/** The notebook at a glance: its verdict, in words and shape and colour, the mode, the tier, what was not seen, and the sign-off. */

import * as React from 'react';
import type { Decision, Gap, NotebookRuns, Reason, Status } from '../api';
import { ago, modeMeaning, plain, standingOf, standingWord, tierMeaning } from '../words';
import { useSurroundings } from './context';
import { Icon, VerdictIcon } from './Icon';

function Chip({ name, value, title, testid, tone = '' }: { name: string; value: string; title: string; testid: string; tone?: string }): React.JSX.Element {
  return (
    <span className={`mlsc-Chip ${tone}`} title={title}>
      <span className="mlsc-Chip-name">{name}</span> <span data-testid={testid}>{value}</span>
    </span>
  );
}

function coverageOf(gaps: readonly Gap[]): number {
  return gaps.reduce((sum, gap) => sum + gap.count, 0);
}

export function ReasonView({ reason, children }: { readonly reason: Reason; readonly children?: React.ReactNode }): React.JSX.Element {
  return (
    <li className={reason.fails ? 'mlsc-Reason mlsc-mod-fails' : 'mlsc-Reason'}>
      <div>
        {plain(reason.message)} <code className="mlsc-Code">{reason.code}</code>
      </div>
      <div className="mlsc-Next">
        <Icon name="next" /> <span>{plain(reason.next)}</span>
      </div>
      {children}
    </li>
  );
}

interface Props {
  readonly runs: NotebookRuns;
  readonly status: Status | null;
  readonly reviews: readonly Decision[];
  /** No details are open below. While they are, the handles of a review are those of the artifact that is looked at. */
  readonly isAlone: boolean;
}

function SignOff({ runs, status, reviews, isAlone }: Props): React.JSX.Element {
  const { words, deeds, now } = useSurroundings();
  const may = status?.may.review ?? { allowed: false, why: words.__('Asking the server…') };
  const last = reviews.at(-1);
  const why = may.allowed ? undefined : may.why;
  return (
    <div className="mlsc-SignOff">
      {last !== undefined && (
        <p className="mlsc-Decision">
          <VerdictIcon verdict={last.decision === 'approved' ? 'allow' : 'block'} />
          <span>
            {last.decision === 'approved' ? words.__('Approved by %1', plain(last.by)) : words.__('Rejected by %1', plain(last.by))}
            <span className="mlsc-Quiet"> {ago(last.at, now)}</span>
            {last.why !== '' && <q>{plain(last.why)}</q>}
          </span>
        </p>
      )}
      <div className="mlsc-Buttons">
        <button
          className="mlsc-Button"
          data-testid={isAlone ? 'mlsc-approve' : 'mlsc-approve-notebook'}
          aria-disabled={!may.allowed}
          title={why ?? words.__('Approve exactly these bytes, with what the last run read and wrote')}
          onClick={() => deeds.review(runs.server_path, 'approve')}
        >
          <Icon name="thumb" /> {words.__('Approve…')}
        </button>
        <button
          className="mlsc-Button"
          data-testid={isAlone ? 'mlsc-reject' : 'mlsc-reject-notebook'}
          aria-disabled={!may.allowed}
          title={why ?? words.__('Reject exactly these bytes')}
          onClick={() => deeds.review(runs.server_path, 'reject')}
        >
          <Icon name="close" /> {words.__('Reject…')}
        </button>
        <button
          className="mlsc-Button mlsc-mod-quiet"
          title={words.__('Show where it came from and what it led to')}
          disabled={(runs.own?.digest ?? null) === null && runs.rows.length === 0}
          data-testid="mlsc-lineage"
          onClick={() => {
            const row = runs.rows.findLast(each => each.op === 'write') ?? runs.rows[0];
            const digest = row?.digest ?? runs.own?.digest ?? '';
            deeds.graph(digest, row?.path ?? runs.path, row?.server_path ?? runs.server_path);
          }}
        >
          <Icon name="graph" /> {words.__('Lineage')}
        </button>
      </div>
      {why !== undefined && <p className="mlsc-Quiet">{plain(why)}</p>}
    </div>
  );
}

export function Header({ runs, status, reviews, isAlone }: Props): React.JSX.Element {
  const { words, now } = useSurroundings();
  const gaps = coverageOf(runs.coverage);
  const tier = runs.tier ?? status?.tier ?? null;
  const standing = standingOf(runs);
  const failing = runs.reasons.filter(reason => reason.fails);
  return (
    <header className={`mlsc-Header mlsc-mod-${standing}`}>
      <div className="mlsc-Header-verdict">
        <VerdictIcon verdict={standing} />
        <strong data-testid="mlsc-verdict" data-verdict={runs.verdict} data-standing={standing}>
          {standingWord(standing, words)}
        </strong>
        <span className="mlsc-Quiet mlsc-Header-when">
          {runs.at === null ? '' : runs.complete ? ago(runs.at, now) : words.__('run not ended')}
        </span>
      </div>
      <p className="mlsc-Headline" aria-live="polite">
        {plain(runs.headline)}
      </p>
      <div className="mlsc-Chips">
        <Chip name={words.__('mode')} value={runs.mode} title={modeMeaning(runs.mode, words)} testid="mlsc-mode" />
        <Chip
          name={words.__('tier')}
          value={tier ?? words.__('not observed')}
          title={runs.tier_meaning ?? tierMeaning(tier, words)}
          testid="mlsc-tier"
          tone={tier === 'supervised' ? 'mlsc-mod-strong' : ''}
        />
        <Chip
          name={words.__('not seen')}
          value={runs.run === null ? '—' : gaps === 0 ? words.__('nothing') : String(gaps)}
          title={runs.coverage.map(gap => `${gap.count} ${gap.meaning}`).join('\n') || words.__('The run counted nothing that it could not attribute')}
          testid="mlsc-coverage"
          tone={gaps > 0 ? 'mlsc-mod-gap' : ''}
        />
      </div>
      {failing.length > 0 && (
        <details className="mlsc-Reasons">
          <summary>{words._n('%1 reason', '%1 reasons', failing.length)}</summary>
          <ul className={`mlsc-of-${runs.verdict}`}>
            {failing.map(reason => (
              <ReasonView key={`${reason.code} ${reason.message}`} reason={reason} />
            ))}
          </ul>
        </details>
      )}
      <SignOff runs={runs} status={status} reviews={reviews} isAlone={isAlone} />
    </header>
  );
}
