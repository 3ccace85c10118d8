/**
 * IDs in rising order, as a list of short pieces: one may come or go anywhere among a million
 * without moving the others.
 */
const pieceMax = 512;

export class SortedIds {
  size = 0;
  /** None is empty; all IDs of one are below those of the next. */
  private readonly pieces: number[][] = [];

  /** The lowest; 0: there is none. */
  get first(): number {
    return this.pieces[0]?.[0] ?? 0;
  }

  /** One that is there stays once. */
  add(id: number): void {
    const at = this.pieceOf(id);
    const piece = this.pieces[at];
    if (piece === undefined) {
      this.pieces.push([id]);
      this.size += 1;
      return;
    }
    const index = indexIn(piece, id);
    if (piece[index] === id) return;
    this.size += 1;
    if (piece.length < pieceMax) piece.splice(index, 0, id);
    else if (index === pieceMax) this.pieces.splice(at + 1, 0, [id]);
    else {
      this.pieces.splice(at + 1, 0, piece.splice(pieceMax / 2));
      this.size -= 1;
      this.add(id);
    }
  }

  /** One that is not there stays so. */
  remove(id: number): void {
    const at = this.pieceOf(id);
    const piece = this.pieces[at];
    if (piece === undefined) return;
    const index = indexIn(piece, id);
    if (piece[index] !== id) return;
    this.size -= 1;
    piece.splice(index, 1);
    if (piece.length === 0) this.pieces.splice(at, 1);
  }

  /** The piece where `id` belongs: the last one that begins at or below it, else the first. */
  private pieceOf(id: number): number {
    let low = 0;
    let high = this.pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.pieces[middle]![0]! <= id) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The index of `id`, or of the first above it. */
function indexIn(piece: readonly number[], id: number): number {
  let low = 0;
  let high = piece.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (piece[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
