/** One artifact: what it is, why it stands as it does, who said what of it and with which keys, its versions, and what a person can do about it. */

import * as React from 'react';
import type { Artifact, Signature, Statement, Version } from '../api';
import type { Detail } from '../model';
import { ago, plain, shortDigest, verdictWord } from '../words';
import { useSurroundings } from './context';
import { DifferenceView } from './DifferenceView';
import { Findings } from './findings';
import { ReasonView } from './Header';
import { Icon, VerdictIcon } from './Icon';
import { Proof } from './Proof';

function SignatureView({ signature }: { readonly signature: Signature }): React.JSX.Element {
  const { words } = useSurroundings();
  const known = signature.holds && signature.identity !== null;
  const what = !signature.holds ? words.__('does not hold') : known ? words.__('holds') : words.__('holds, by a key that the policy does not name');
  return (
    <li title={signature.key}>
      <VerdictIcon verdict={!signature.holds ? 'block' : known ? 'allow' : 'warn'} /> <strong>{signature.identity === null ? words.__('unknown') : plain(signature.identity)}</strong>{' '}
      <span className="mlsc-Quiet">
        {what} · {signature.key.slice(0, 16)}…
      </span>
    </li>
  );
}

/** Which statements a person has opened, by envelope: kept above what is fetched anew, so that an event from the ledger closes nothing. */
interface Opened {
  readonly envelopes: ReadonlySet<string>;
  readonly turn: (envelope: string, open: boolean) => void;
}

function useOpened(): Opened {
  const [envelopes, setEnvelopes] = React.useState<ReadonlySet<string>>(new Set());
  const turn = (envelope: string, open: boolean): void => {
    setEnvelopes(before => new Set([...[...before].filter(each => each !== envelope), ...(open ? [envelope] : [])]));
  };
  return { envelopes, turn };
}

function StatementView({ statement, opened }: { readonly statement: Statement; readonly opened: Opened }): React.JSX.Element {
  const { words, now } = useSurroundings();
  const open = opened.envelopes.has(statement.envelope);
  const title = statement.decision ?? statement.kind ?? statement.predicate_type.split('/').slice(-2).join('/');
  return (
    <details className="mlsc-Statement" open={open} onToggle={event => opened.turn(statement.envelope, event.currentTarget.open)}>
      <summary>
        <strong>{plain(title)}</strong> {statement.signer !== null && <span>{words.__('by %1', plain(statement.signer))}</span>}{' '}
        <span className="mlsc-Quiet">{ago(statement.at, now)}</span>{' '}
        {statement.problem !== null && <span className="mlsc-Mark">{words.__('problem')}</span>}
      </summary>
      {open && (
        <div className="mlsc-Statement-body">
          {statement.problem !== null && <p className="mlsc-Problem">{plain(statement.problem)}</p>}
          {statement.why !== null && statement.why !== '' && <q>{plain(statement.why)}</q>}
          <ul className="mlsc-Plain">
            {statement.signatures.map(signature => (
              <SignatureView key={signature.key} signature={signature} />
            ))}
          </ul>
          {statement.inclusion === null ? (
            <p className="mlsc-Quiet">{words.__('Not in the ledger: it travels in %1', plain(statement.source))}</p>
          ) : (
            <Proof proof={statement.inclusion} envelope={statement.envelope} />
          )}
          <dl className="mlsc-Facts">
            <dt>{words.__('predicate')}</dt>
            <dd>{plain(statement.predicate_type)}</dd>
            <dt>{words.__('envelope')}</dt>
            <dd title={statement.envelope}>{shortDigest(statement.envelope)}</dd>
            {statement.notebook !== null && (
              <>
                <dt>{words.__('notebook')}</dt>
                <dd>{plain(statement.notebook)}</dd>
              </>
            )}
          </dl>
          <pre className="mlsc-Predicate" tabIndex={0} aria-label={words.__('The statement’s body')}>
            {statement.predicate}
          </pre>
        </div>
      )}
    </details>
  );
}

function Versions({ versions }: { readonly versions: readonly Version[] }): React.JSX.Element {
  const { words, now } = useSurroundings();
  return (
    <ul className="mlsc-Plain mlsc-Versions">
      {versions.map(version => (
        <li key={`${version.digest} ${version.at} ${version.kind}`} title={version.digest}>
          <code>{shortDigest(version.digest)}</code> {plain(version.kind)} {version.by === null ? '' : words.__('by %1', plain(version.by))} <span className="mlsc-Quiet">{ago(version.at, now)}</span>{' '}
          {version.present && <span className="mlsc-Mark">{words.__('on disk now')}</span>}
        </li>
      ))}
    </ul>
  );
}

function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** step).toLocaleString(undefined, { maximumFractionDigits: step === 0 ? 0 : 1 })} ${units[step] ?? ''}`;
}

function Part({ title, children, open = true }: { readonly title: string; readonly children: React.ReactNode; readonly open?: boolean }): React.JSX.Element {
  return (
    <details className="mlsc-Part" open={open}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}

function Known({ artifact, opened }: { readonly artifact: Artifact; readonly opened: Opened }): React.JSX.Element {
  const { words } = useSurroundings();
  return (
    <>
      {artifact.difference !== null && (
        <Part title={words.__('Against the signed version')}>
          <DifferenceView difference={artifact.difference} />
        </Part>
      )}
      <Part title={words.__('Statements (%1)', artifact.statements.length + artifact.statements_left)}>
        {artifact.statements.length === 0 && <p className="mlsc-Quiet">{words.__('Nobody said anything of these bytes.')}</p>}
        {artifact.statements.map(statement => (
          <StatementView key={statement.envelope} statement={statement} opened={opened} />
        ))}
        {artifact.statements_left > 0 && <p className="mlsc-Quiet">{words._n('%1 older one is not shown', '%1 older ones are not shown', artifact.statements_left)}</p>}
      </Part>
      {artifact.findings.length > 0 && (
        <Part title={words.__('Findings (%1)', artifact.findings.length)}>
          <Findings findings={artifact.findings} />
        </Part>
      )}
      {artifact.versions.length > 1 && (
        <Part title={words.__('Versions (%1)', artifact.versions.length)}>
          <Versions versions={artifact.versions} />
        </Part>
      )}
    </>
  );
}

export function Details({ detail }: { readonly detail: Detail }): React.JSX.Element {
  const { words, deeds } = useSurroundings();
  const { row, artifact, problem } = detail;
  const opened = useOpened();
  const place = row.server_path;
  const asking = { allowed: false, why: words.__('Asking the server…') };
  const may = detail.may ?? { sign: asking, revoke: asking, override: asking, review: asking, init: asking };
  const outside = words.__('The file lies outside the server’s folder');
  const button = (name: string, testid: string, entitled: { allowed: boolean; why: string }, needsFile: boolean, act: () => void): React.JSX.Element => {
    const why = !entitled.allowed ? entitled.why : needsFile && place === null ? outside : needsFile && row.missing ? words.__('The file is not there any more') : null;
    return (
      <button className="mlsc-Button" data-testid={testid} aria-disabled={why !== null} title={why ?? undefined} onClick={why === null ? act : undefined}>
        {name}
      </button>
    );
  };
  return (
    <section
      className="mlsc-Details"
      data-testid="mlsc-details"
      data-path={row.path}
      aria-labelledby="mlsc-details-name"
      onKeyDown={event => {
        if (event.key === 'Escape') {
          deeds.select(null);
        }
      }}
    >
      <div className="mlsc-Details-bar">
        <VerdictIcon verdict={row.verdict} />
        <h3 id="mlsc-details-name" title={plain(row.path)}>
          {plain(row.path)}
        </h3>
        <button className="mlsc-IconButton" aria-label={words.__('Close the details')} title={words.__('Close')} onClick={() => deeds.select(null)}>
          <Icon name="close" />
        </button>
      </div>
      <div className="mlsc-Details-body" tabIndex={0} role="group" aria-label={words.__('Details')}>
        <p>
          <strong>{verdictWord(row.verdict, words)}</strong>
          {row.kind !== null && <span className="mlsc-Quiet"> · {plain(row.kind)}</span>}
          {artifact?.size != null && <span className="mlsc-Quiet"> · {size(artifact.size)}</span>}
          {row.tier !== null && <span className="mlsc-Quiet"> · {plain(row.tier)}</span>}
        </p>
        <p className="mlsc-Digest">
          <code title={row.digest}>{row.digest}</code>
          <button className="mlsc-IconButton" aria-label={words.__('Copy the digest')} title={words.__('Copy the digest')} onClick={() => deeds.copy(row.digest)}>
            <Icon name="copy" />
          </button>
        </p>
        {row.changed && <p className="mlsc-Problem">{words.__('The file has other bytes now than those that were recorded.')}</p>}
        {row.missing && <p className="mlsc-Problem">{words.__('The file is not there any more.')}</p>}
        {row.reasons.length > 0 && (
          <ul className={`mlsc-ReasonList mlsc-of-${row.verdict}`}>
            {row.reasons.map(reason => (
              <ReasonView key={`${reason.code} ${reason.message}`} reason={reason} />
            ))}
          </ul>
        )}
        <div className="mlsc-Buttons">
          {button(words.__('Sign…'), 'mlsc-sign', may.sign, true, () => deeds.sign([place ?? '']))}
          {button(words.__('Approve…'), 'mlsc-approve', may.review, true, () => deeds.review(place ?? '', 'approve'))}
          {button(words.__('Reject…'), 'mlsc-reject', may.review, true, () => deeds.review(place ?? '', 'reject'))}
          {button(words.__('Override…'), 'mlsc-override', may.override, true, () => deeds.override(place ?? ''))}
          {button(words.__('Revoke…'), 'mlsc-revoke', may.revoke, false, () => deeds.revoke(row.digest, row.path, place ?? ''))}
          <button className="mlsc-Button mlsc-mod-quiet" data-testid="mlsc-details-lineage" onClick={() => deeds.graph(row.digest, row.path, place ?? '')}>
            <Icon name="graph" /> {words.__('Lineage')}
          </button>
          {place !== null && !row.missing && (
            <button className="mlsc-Button mlsc-mod-quiet" onClick={() => deeds.open(place)}>
              <Icon name="open" /> {words.__('Open')}
            </button>
          )}
        </div>
        {problem !== null && (
          <p className="mlsc-Problem" role="alert">
            {plain(problem.message)} {problem.next !== null && <em>{plain(problem.next)}</em>}
          </p>
        )}
        {artifact === null && problem === null && <p className="mlsc-Quiet">{words.__('Asking the server…')}</p>}
        {artifact !== null && <Known artifact={artifact} opened={opened} />}
      </div>
    </section>
  );
}
