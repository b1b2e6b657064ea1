// When edits are sent: soon after they were made, one request at a time, again after a pause when nobody answered.

const SEND_AFTER_MS = 250;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];

export class Sender {
  private sending: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private stopped = false;

  // `once` sends a batch and never rejects; `goOn` says whether there is more to send now.
  constructor(
    private readonly once: () => Promise<void>,
    private readonly goOn: () => boolean,
  ) {}

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  // There is something to send.
  soon(): void {
    if (this.sending === null && this.failures === 0) this.schedule(SEND_AFTER_MS);
  }

  now = (): void => {
    this.failures = 0;
    void this.send();
  };

  succeeded(): void {
    this.failures = 0;
  }

  failed(): void {
    this.failures += 1;
  }

  // After the last failure, in a while.
  again(): void {
    this.schedule(this.pause());
  }

  pause(): number {
    const usual = RETRY_MS[Math.min(this.failures, RETRY_MS.length) - 1] ?? RETRY_MS[0]!;
    return usual * (0.75 + Math.random() / 2);
  }

  // Whoever asks meanwhile waits for the same request.
  send(): Promise<void> {
    clearTimeout(this.timer);
    this.sending ??= this.once().finally(() => {
      this.sending = null;
      if (this.goOn()) this.schedule(SEND_AFTER_MS);
    });
    return this.sending;
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => void this.send(), ms);
  }
}
