/** A path on one line. Where there is little room its folders are cut, and its last name is seen. */

import * as React from 'react';
import { plain } from '../words';

export function PathName({ path }: { readonly path: string }): React.JSX.Element {
  const slash = path.lastIndexOf('/');
  return (
    <span className="mlsc-Path">
      {slash >= 0 && (
        <>
          <span className="mlsc-Path-folder">{plain(path.slice(0, slash))}</span>
          <span className="mlsc-Path-slash">/</span>
        </>
      )}
      <span className="mlsc-Path-base">{plain(path.slice(slash + 1))}</span>
    </span>
  );
}
