import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { Belief, type Message } from './belief.ts';
import { type TestServer, token } from './server.ts';

/** A client that asks again with the cursor of each answer, and believes just that. */
export class Poller {
  readonly belief: Belief;
  readonly #url: string;
  readonly #headers: Record<string, string>;

  /** @param query the area and filters */
  constructor({ port }: Pick<TestServer, 'port'>, query: string, belief = new Belief(), bearer = token()) {
    this.#url = `http://127.0.0.1:${port}/v1/changes?${query}`;
    this.#headers = { authorization: `Bearer ${bearer}` };
    this.belief = belief;
  }

  /** Asks once, and takes in the answer. @param wait seconds */
  async poll(wait = 25, signal?: AbortSignal): Promise<Message> {
    const { status, message } = await this.ask(wait, signal);
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(message)}`);
    this.belief.hear(message);
    return message;
  }

  /** Asks once, over a connection of its own. */
  async ask(wait = 25, signal?: AbortSignal): Promise<{ status?: number; message: Message }> {
    const { cursor } = this.belief;
    const more = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const asked = request(`${this.#url}&wait=${wait}${more}`, { headers: this.#headers, signal, agent: false });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return { status: response.statusCode, message: JSON.parse(await text(response)) };
  }

  /** Asks again and again until a condition holds, which is asked after each answer. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.poll(1);
  }
}
