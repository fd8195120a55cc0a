/**
 * What a person did in this session, in order, with a place in it: everything before the place counts, everything
 * after it was undone and can be done again. Kept in sessionStorage, so that a reload does not forget it.
 */
import { computed, signal } from "@preact/signals";
import type { Verdict } from "./types";

/** One example of an act. event: what was said. undo: the latest undo of it. before, after: what counted. */
export interface Change {
  example: string;
  event: string;
  undo: string;
  before: Verdict;
  after: Verdict;
}

export interface Act {
  /** As a person would call it, such as "dog". */
  what: string;
  changes: Change[];
}

export class History {
  private readonly acts = signal<Act[]>([]);
  private readonly place = signal(0);
  readonly canUndo = computed(() => this.place.value > 0);
  readonly canRedo = computed(() => this.place.value < this.acts.value.length);

  constructor(
    private readonly key: string,
    private readonly storage: Storage = sessionStorage,
  ) {
    const stored = storage.getItem(key);
    if (stored) {
      const read = JSON.parse(stored) as { acts: Act[]; place: number };
      this.acts.value = read.acts;
      this.place.value = read.place;
    }
  }

  /** After it, what had been undone can no longer be done again. */
  push(act: Act): void {
    this.set([...this.acts.value.slice(0, this.place.value), act], this.place.value + 1);
  }

  /** The act to undo, with undo ids from `id` that its undo events must have. Null: there is none. */
  undo(id: () => string): Act | null {
    const act = this.acts.value[this.place.value - 1];
    if (!act) return null;
    const undone = { ...act, changes: act.changes.map((change) => ({ ...change, undo: id() })) };
    this.set(
      this.acts.value.map((other) => (other === act ? undone : other)),
      this.place.value - 1,
    );
    return undone;
  }

  /** The act to do again: the undo of each change is what is to be undone. Null: there is none. */
  redo(): Act | null {
    const act = this.acts.value[this.place.value];
    if (!act) return null;
    this.set(this.acts.value, this.place.value + 1);
    return act;
  }

  private set(acts: Act[], place: number): void {
    this.acts.value = acts;
    this.place.value = place;
    try {
      this.storage.setItem(this.key, JSON.stringify({ acts, place }));
    } catch {
      // A full storage must not keep anybody from labelling: undo then lasts until the reload only.
      this.storage.removeItem(this.key);
    }
  }
}
