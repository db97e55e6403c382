/** What scans found, what the run's environment was, and what was not seen. */

import * as React from 'react';
import type { Environment, Finding, Gap, RunLine } from '../api';
import { ago, plain, shortDigest } from '../words';
import { useSurroundings } from './context';
import { Icon } from './Icon';

const SERIOUS = new Set(['high', 'critical']);

export function Findings({ findings }: { readonly findings: readonly Finding[] }): React.JSX.Element {
  const { words } = useSurroundings();
  if (findings.length === 0) {
    return <p className="mlsc-Quiet mlsc-Nothing">{words.__('Scans found nothing in this notebook and its artifacts.')}</p>;
  }
  return (
    <ul className="mlsc-Findings">
      {findings.map((finding, index) => (
        <li key={`${index} ${finding.path} ${finding.code}`} className="mlsc-Finding">
          <Icon name={SERIOUS.has(finding.severity) ? 'block' : 'warn'} className={`mlsc-VerdictIcon mlsc-mod-${SERIOUS.has(finding.severity) ? 'block' : 'warn'}`} />
          <div>
            <strong>{plain(finding.severity)}</strong> {plain(finding.message)} <code className="mlsc-Code">{plain(finding.code)}</code>
            <div className="mlsc-Quiet">
              {plain(finding.path)}
              {finding.where === null ? '' : ` · ${plain(finding.where)}`}
            </div>
            {finding.fix !== null && (
              <div className="mlsc-Next">
                <Icon name="next" /> <span>{plain(finding.fix)}</span>
              </div>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

export function EnvironmentView({ environment, gaps, runs }: { readonly environment: Environment | null; readonly gaps: readonly Gap[]; readonly runs: readonly RunLine[] }): React.JSX.Element {
  const { words, now } = useSurroundings();
  const [filter, setFilter] = React.useState('');
  const packages = (environment?.packages ?? []).filter(line => line.toLowerCase().includes(filter.toLowerCase()));
  return (
    <div className="mlsc-Environment">
      <h4>{words.__('Not seen in this run')}</h4>
      {gaps.length === 0 ? (
        <p className="mlsc-Quiet">{words.__('Nothing: every open was attributed.')}</p>
      ) : (
        <ul className="mlsc-Plain">
          {gaps.map(gap => (
            <li key={gap.code}>
              <strong>{gap.count}</strong> {plain(gap.meaning)}
            </li>
          ))}
        </ul>
      )}
      <h4>{words.__('Runs')}</h4>
      {runs.length === 0 ? (
        <p className="mlsc-Quiet">{words.__('None on record.')}</p>
      ) : (
        <table className="mlsc-Table">
          <thead>
            <tr>
              <th scope="col">{words.__('began')}</th>
              <th scope="col">{words.__('tier')}</th>
              <th scope="col">{words.__('in')}</th>
              <th scope="col">{words.__('out')}</th>
              <th scope="col">{words.__('ended')}</th>
            </tr>
          </thead>
          <tbody>
            {runs.slice(0, 20).map(run => (
              <tr key={run.run} title={run.run}>
                <td>{ago(run.began, now)}</td>
                <td>{plain(run.tier)}</td>
                <td>{run.reads}</td>
                <td>{run.writes}</td>
                <td>{run.complete ? words.__('yes') : words.__('no')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <h4>{words.__('Installed packages')}</h4>
      {environment === null ? (
        <p className="mlsc-Quiet">{words.__('Not on record for this run.')}</p>
      ) : (
        <>
          <p className="mlsc-Quiet" title={environment.digest}>
            {words._n('%1 package', '%1 packages', environment.packages.length)} · {shortDigest(environment.digest)}
          </p>
          <input type="search" className="mlsc-Filter" aria-label={words.__('Filter packages')} placeholder={words.__('Filter packages')} value={filter} onChange={event => setFilter(event.target.value)} />
          <div className="mlsc-Packages" tabIndex={0} role="group" aria-label={words.__('Installed packages')}>
            <ul className="mlsc-Plain">
              {packages.map(line => (
                <li key={line}>{plain(line)}</li>
              ))}
            </ul>
          </div>
        </>
      )}
    </div>
  );
}
