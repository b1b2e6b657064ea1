// Server-sent events read from a fetch: unlike EventSource it can POST, send headers and say why it was refused.

export interface ServerEvent {
  event: string;
  data: string;
}

export async function* events(response: Response): AsyncGenerator<ServerEvent> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const frames = (rest + value).split(/\r?\n\r?\n/);
      rest = frames.pop() ?? "";
      for (const frame of frames) {
        const found = parsed(frame);
        if (found !== null) yield found;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined); // it has ended or broken off already
  }
}

// Null for a frame without data: a comment that only says the server is there.
function parsed(frame: string): ServerEvent | null {
  let event = "message";
  const data: string[] = [];
  for (const line of frame.split(/\r?\n/)) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
  }
  return data.length === 0 ? null : { event, data: data.join("\n") };
}
