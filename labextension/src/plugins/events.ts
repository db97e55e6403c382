/**
 * The server's events, with what JupyterLab's stream does not tell: that it was opened again, so that something may have been missed.
 *
 * Rules kept: events say that something changed, never what; whoever listens asks the server.
 */

import { EventManager } from '@jupyterlab/services';
import type { ServerConnection } from '@jupyterlab/services';
import { LEDGER_EVENT, SAVE_EVENT } from '../api';
import type { LedgerEvent, SaveEvent } from '../api';

export interface EventHandlers {
  readonly ledger: (event: LedgerEvent) => void;
  readonly saved: (event: SaveEvent) => void;
  /** The stream is open, for the first time or once more. */
  readonly opened: () => void;
  readonly closed: () => void;
}

/** Follow the server's events, also in a page that is not in front. */
export function followEvents(settings: ServerConnection.ISettings, handlers: EventHandlers): EventManager {
  class Watched extends settings.WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('open', handlers.opened);
      this.addEventListener('close', handlers.closed);
    }
  }
  const manager = new EventManager({ serverSettings: { ...settings, WebSocket: Watched }, standby: 'never' });
  manager.stream.connect((_, emission) => {
    const event: unknown = emission;
    if (emission.schema_id.startsWith(LEDGER_EVENT)) {
      handlers.ledger(event as LedgerEvent);
    } else if (emission.schema_id.startsWith(SAVE_EVENT)) {
      handlers.saved(event as SaveEvent);
    }
  });
  return manager;
}
