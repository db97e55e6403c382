/** How the panel reaches the server: JupyterLab's own connection, with its token and its protection against forged requests. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { Transport } from '../api';

async function parsed(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page: the status says enough
  }
}

export function serverTransport(settings: ServerConnection.ISettings): Transport {
  return async (method, route, body) => {
    const url = URLExt.join(settings.baseUrl, 'mlsc/api') + '/' + route;
    // JupyterLab's own 'no-store' adds a number to the address, which is no parameter of ours.
    const init: RequestInit = { method, cache: 'no-cache', ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }) };
    try {
      const response = await ServerConnection.makeRequest(url, init, settings);
      return { status: response.status, body: await parsed(response) };
    } catch (error) {
      if (error instanceof ServerConnection.NetworkError) {
        return { status: 0, body: null };
      }
      throw error;
    }
  };
}
