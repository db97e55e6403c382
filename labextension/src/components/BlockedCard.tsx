/** Under a cell whose load was blocked: what, why, and the next step as a button. */

import * as React from 'react';
import type { Reason, Row, Status } from '../api';
import { plain } from '../words';
import type { Words } from '../words';
import type { Deeds } from './context';
import { Icon, VerdictIcon } from './Icon';

/** Reasons that a signature puts right. */
const SIGN_HELPS = new Set(['unsigned', 'digest-mismatch', 'other-name', 'superseded', 'other-project', 'unbound', 'wrong-kind', 'untrusted-signer', 'threshold-not-met', 'author-signed', 'expired', 'key-revoked', 'unpickle-denied']);

/** The command that a next step names, if it names one. */
export function commandIn(next: string): string | null {
  return /(?:^|\s)run: (mlsc .+)$/.exec(next)?.[1] ?? null;
}

interface Props {
  readonly rows: readonly Row[];
  readonly status: Status | null;
  readonly words: Words;
  readonly deeds: Deeds;
  readonly onRunAgain: () => void;
}

function NextStep({ row, reason, status, words, deeds }: Omit<Props, 'rows' | 'onRunAgain'> & { readonly row: Row; readonly reason: Reason }): React.JSX.Element {
  const command = commandIn(reason.next);
  const place = row.server_path;
  const maySign = SIGN_HELPS.has(reason.code) && place !== null && !row.missing && status?.may.sign.allowed === true;
  return (
    <div className="mlsc-Buttons">
      {maySign && (
        <button className="mlsc-Button mlsc-mod-primary" data-testid="mlsc-card-sign" onClick={() => deeds.sign([place])}>
          <Icon name="key" /> {words.__('Look at it, then sign…')}
        </button>
      )}
      {command !== null && (
        <button className="mlsc-Button" data-testid="mlsc-card-copy" onClick={() => deeds.copy(command)}>
          <Icon name="copy" /> {words.__('Copy the command')}
        </button>
      )}
      <button className="mlsc-Button mlsc-mod-quiet" onClick={() => deeds.select(row)}>
        {words.__('Details')}
      </button>
    </div>
  );
}

export function BlockedCard(props: Props): React.JSX.Element {
  const { rows, words, onRunAgain } = props;
  return (
    <div className="mlsc-Card" data-testid="mlsc-card" role="note" aria-label={words.__('Blocked load')}>
      {rows.map(row => {
        const reason = row.reasons.find(each => each.fails);
        const still = row.verdict === 'block' && reason !== undefined;
        return (
          <section key={`${row.path} ${row.digest}`} data-path={row.path}>
            <VerdictIcon verdict={row.verdict} />
            <div>
              <strong>{still ? words.__('%1 was not loaded', plain(row.path)) : words.__('%1 was not loaded; it would be now', plain(row.path))}</strong>
              {still && (
                <>
                  <p>
                    {plain(reason.message)} <code className="mlsc-Code">{reason.code}</code>
                  </p>
                  <p className="mlsc-Next">
                    <Icon name="next" /> <span>{plain(reason.next)}</span>
                  </p>
                  <NextStep {...props} row={row} reason={reason} />
                </>
              )}
              {!still && (
                <div className="mlsc-Buttons">
                  <button className="mlsc-Button mlsc-mod-primary" data-testid="mlsc-card-run" onClick={onRunAgain}>
                    {words.__('Run the cell again')}
                  </button>
                </div>
              )}
            </div>
          </section>
        );
      })}
    </div>
  );
}
