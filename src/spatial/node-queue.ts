/** A priority queue of node numbers, least key first: a binary heap in two typed arrays that grow and are kept. */
export class NodeQueue {
  size = 0;
  #nodes = new Int32Array(256);
  #keys = new Float64Array(256);

  /** The least key; meaningless when the queue is empty. */
  get least(): number {
    return this.#keys[0];
  }

  clear(): void {
    this.size = 0;
  }

  push(node: number, key: number): void {
    if (this.size === this.#nodes.length) {
      const nodes = new Int32Array(2 * this.size);
      nodes.set(this.#nodes);
      this.#nodes = nodes;
      const keys = new Float64Array(2 * this.size);
      keys.set(this.#keys);
      this.#keys = keys;
    }
    let index = this.size++;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#keys[parent] <= key) break;
      this.#nodes[index] = this.#nodes[parent];
      this.#keys[index] = this.#keys[parent];
      index = parent;
    }
    this.#nodes[index] = node;
    this.#keys[index] = key;
  }

  /** Takes the node with the least key. The queue must not be empty. */
  pop(): number {
    const top = this.#nodes[0];
    const end = --this.size;
    const node = this.#nodes[end];
    const key = this.#keys[end];
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= end) break;
      if (child + 1 < end && this.#keys[child + 1] < this.#keys[child]) child++;
      if (this.#keys[child] >= key) break;
      this.#nodes[index] = this.#nodes[child];
      this.#keys[index] = this.#keys[child];
      index = child;
    }
    this.#nodes[index] = node;
    this.#keys[index] = key;
    return top;
  }
}
