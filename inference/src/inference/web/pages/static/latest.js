// One piece of work at a time, and of all that is asked for meanwhile only the newest.
export class Latest {
  #work;
  #next = null;
  #isRunning = false;

  // work is an async function of one argument; it must not throw.
  constructor(work) {
    this.#work = work;
  }

  get isIdle() {
    return !this.#isRunning;
  }

  async ask(argument) {
    this.#next = { argument };
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#next !== null) {
      const { argument: now } = this.#next;
      this.#next = null;
      await this.#work(now);
    }
    this.#isRunning = false;
  }
}
