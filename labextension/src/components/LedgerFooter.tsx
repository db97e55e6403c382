/** The ledger in one line, and behind it what this browser checked: the checkpoint's signature, and that nothing that it saw before was rewritten. */

import * as React from 'react';
import type { LedgerView } from '../ledger';
import { ago, plain } from '../words';
import { useSurroundings } from './context';
import { Icon, VerdictIcon } from './Icon';

export function LedgerFooter({ ledger }: { readonly ledger: LedgerView }): React.JSX.Element {
  const { words, deeds, now } = useSurroundings();
  const { checked, since, replaced, faults } = ledger;
  const bad = checked.outcome === 'fails' || faults.some(fault => fault.fails) || replaced !== null;
  const grown = since === null ? 0 : ledger.size - since.size;
  const line = bad
    ? words.__('Ledger: do not rely on it')
    : words._n('Ledger: %1 entry', 'Ledger: %1 entries', ledger.size) + (since === null ? '' : ` · ${words.__('consistent')}`);
  const story = bad
    ? checked.outcome === 'fails'
      ? plain(checked.why)
      : replaced !== null
        ? words.__('This project had another ledger when this browser last looked.')
        : ''
    : since === null
      ? words.__('First seen by this browser now; from here on it is held against this checkpoint.')
      : words._n('It extends by %1 entry what this browser saw before (%2).', 'It extends by %1 entries what this browser saw before (%2).', grown, ago(since.at, now));
  return (
    <details className="mlsc-Ledger" data-testid="mlsc-checkpoint" data-size={ledger.size} data-outcome={bad ? 'fails' : checked.outcome}>
      <summary>
        <VerdictIcon verdict={bad ? 'block' : checked.outcome === 'unable' ? 'warn' : 'allow'} /> {line}
      </summary>
      <div className="mlsc-Ledger-body">
        <p>{story}</p>
        {checked.outcome === 'unable' && <p className="mlsc-Problem">{plain(checked.why)}</p>}
        {faults.map(fault => (
          <p key={fault.code + fault.message} className={fault.fails ? 'mlsc-Problem' : 'mlsc-Quiet'}>
            {plain(fault.message)} <em>{plain(fault.next)}</em>
          </p>
        ))}
        <dl className="mlsc-Facts">
          <dt>{words.__('origin')}</dt>
          <dd>{plain(ledger.origin)}</dd>
          <dt>{words.__('root')}</dt>
          <dd>
            <code title={ledger.root}>{ledger.root.slice(0, 24)}…</code>
          </dd>
        </dl>
        <div className="mlsc-Buttons">
          <button className="mlsc-Button mlsc-mod-quiet" onClick={() => deeds.copy(ledger.note)}>
            <Icon name="copy" /> {words.__('Copy the checkpoint')}
          </button>
          {replaced !== null && (
            <button className="mlsc-Button" onClick={deeds.acceptLedger}>
              {words.__('Accept this ledger')}
            </button>
          )}
        </div>
      </div>
    </details>
  );
}
