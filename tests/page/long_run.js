// A run of many steps, as its lines: sixty tasks that take turns, wait, wake each other and print.
// Some lines are of kinds that no reader knows, and some have values that none knows.

const TASKS = 60;

export function longRun(steps) {
  const lines = [];
  const line = (...values) => lines.push(JSON.stringify(values));
  let texts = 0;
  const ids = new Map();
  const text = (told) => {
    if (!ids.has(told)) {
      texts += 1;
      ids.set(told, texts);
      line("text", texts, told);
    }
    return ids.get(told);
  };
  line("seedloop", 1, { name: "long", state: "ran", novelty: [1] });
  line("novelty", 1, 2, 3);
  const loop = TASKS;
  for (let task = 0; task < TASKS; task += 1) line("lane", task, "task", text(`作業-${task}`), 0, text(`1.${task}`), text(`app.rs:${task}`), -1, 0, "more");
  line("lane", loop, "loop", text("loop"), 0, 0, 0, -1);
  line("resource", 1, text("lock#1"));
  const [starts, waits, picks] = [text("goes on"), text("waits for lock#1"), text("picks what runs next")];
  for (let step = 0; step < steps; step += 1) {
    // A step of one task, which wakes the next one; each runs again after all others have run.
    const [task, next] = [step % TASKS, (step + 1) % TASKS];
    line("at", step + 1, Math.floor(step / 10) * 1000, task, step % 997 === 0 ? 1 : 0, []);
    line("choice", loop, picks, 0, 1, text(`作業-${task}`), [text(`作業-${next}`)]);
    line("start", task, starts, 0);
    if (step % 7 === 0) line("say", task, text(`行 ${step}`), 0);
    if (step % 11 === 0) line("novelty", task, 0, 0, step);
    line("hold", task, text("takes lock#1"), 0, 1);
    line("free", task, text("releases lock#1"), 0, 1);
    line("wake", task, text(`wakes 作業-${next}`), 0, next, step + 1 < steps ? step + 1 : -1);
    line("wait", task, waits, text(`app.rs:${100 + task}`), step + TASKS - 1 < steps ? step + TASKS - 1 : -1, "resource", 1);
    line("end", task, text("suspends"), 0, "waits", "more");
  }
  return `${lines.join("\n")}\n`;
}
