/** Whether a statement stands in the ledger, as checked here in the browser, and not as the server says. */

import * as React from 'react';
import type { Inclusion } from '../api';
import { checkInclusion, recordNames } from '../proof';
import type { Checked } from '../proof';
import { useSurroundings } from './context';
import { VerdictIcon } from './Icon';

const NOT_ABOUT: Checked = { outcome: 'fails', why: 'the entry is about another envelope' };

export function Proof({ proof, envelope }: { readonly proof: Inclusion; readonly envelope: string }): React.JSX.Element {
  const { words } = useSurroundings();
  const [checked, setChecked] = React.useState<Checked | null>(null);
  React.useEffect(() => {
    let current = true;
    const about = recordNames(proof.leaf, envelope);
    void (about ? checkInclusion(proof) : Promise.resolve(NOT_ABOUT)).then(answer => {
      if (current) {
        setChecked(answer);
      }
    });
    return () => {
      current = false;
    };
  }, [proof, envelope]);
  if (checked === null) {
    return <span className="mlsc-Quiet">{words.__('Checking the proof…')}</span>;
  }
  const place = words.__('entry %1 of %2', proof.index, proof.size);
  const sentence = {
    holds: words.__('In the ledger: %1, checked in this browser', place),
    unable: words.__('In the ledger: %1; the checkpoint’s signature was not checked: %2', place, checked.why),
    fails: words.__('Not proven: %1', checked.why)
  }[checked.outcome];
  return (
    <span className="mlsc-Proof" data-testid="mlsc-proof" data-outcome={checked.outcome}>
      <VerdictIcon verdict={({ holds: 'allow', unable: 'warn', fails: 'block' } as const)[checked.outcome]} /> {sentence}
    </span>
  );
}
