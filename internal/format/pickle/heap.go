package pickle

// Bounds of the heap, in bytes. A run holds at most heapRun + heapLive: what was made since the last collection and what that one kept.
const (
	heapRun  = 3 << 20 // a collection follows once so much was made
	heapLive = 4 << 20 // what a collection keeps at most
	heapMemo = 3 << 19 // and for the sake of memo slots that nothing has fetched yet

	nodeChunk = 256  // nodes of 36 bytes in one allocation
	valChunk  = 2048 // values of 16 bytes in one allocation; a run of items lies in one chunk
	nodeSize  = 36
	valSize   = 16
	attrsSize = valSize * int64(tagCount)
)

// attrs holds the values that a container or an instance has under tagged names.
type attrs [tagCount]val

// heap holds the nodes of a run and their items. It has no pointers, so Go's collector need not walk it, and it collects by itself, between two
// opcodes: what the machine can still reach is copied, nearest first, until heapLive is full. References to what did not fit are *lost*.
// So memory is bounded for every stream, and a stream that keeps little costs the same for each byte.
type heap struct {
	nodes [][]node
	vals  [][]val
	exts  []attrs
	next  uint32 // the next node; 0 is none
	room  uint32 // the next free value
	used  int64  // bytes handed out
	run   int64  // bytes between two collections
	limit int64  // used at which the next one is due

	spareNodes [][]node
	spareVals  [][]val
}

// reset forgets everything and keeps the memory.
func (h *heap) reset() {
	h.spareNodes, h.nodes = append(h.spareNodes, h.nodes...), h.nodes[:0]
	h.spareVals, h.vals = append(h.spareVals, h.vals...), h.vals[:0]
	h.exts = h.exts[:0]
	h.next, h.room, h.used, h.limit = 1, 0, 0, h.run
}

func (h *heap) at(id uint32) *node { return &h.nodes[id/nodeChunk][id%nodeChunk] }

// make gives a new node. Its pointer is good until the next collection.
func (h *heap) make() (uint32, *node) {
	id := h.next
	if int(id/nodeChunk) == len(h.nodes) {
		if n := len(h.spareNodes); n > 0 {
			h.nodes, h.spareNodes = append(h.nodes, h.spareNodes[n-1]), h.spareNodes[:n-1]
		} else {
			h.nodes = append(h.nodes, newNodes())
		}
	}
	h.next++
	h.used += nodeSize
	n := h.at(id)
	*n = node{cost: nodeCost}
	return id, n
}

// reserve gives room for n ≤ valChunk values and says where it is.
func (h *heap) reserve(n int) uint32 {
	if free := (valChunk - h.room%valChunk) % valChunk; int(free) < n {
		h.used += int64(free) * valSize
		h.room = uint32(len(h.vals)) * valChunk
		if k := len(h.spareVals); k > 0 {
			h.vals, h.spareVals = append(h.vals, h.spareVals[k-1]), h.spareVals[:k-1]
		} else {
			h.vals = append(h.vals, newVals())
		}
	}
	first := h.room
	h.room += uint32(n)
	h.used += int64(n) * valSize
	return first
}

// items gives the kept items of a node. They are good until the next collection and are only changed through the heap.
func (h *heap) items(n *node) []val {
	if n.kept == 0 {
		return nil
	}
	i := n.first % valChunk
	return h.vals[n.first/valChunk][i : i+uint32(n.kept) : i+uint32(n.kept)]
}

// add appends values to the items of a node as long as there are no more than limit.
func (h *heap) add(n *node, limit int, vs []val) {
	vs = vs[:min(len(vs), max(0, limit-int(n.kept)))]
	if len(vs) == 0 {
		return
	}
	if need := int(n.kept) + len(vs); need > int(n.room) {
		room := need
		if n.kept > 0 {
			room = min(limit, max(need, 2*int(n.room)))
		}
		old := h.items(n)
		n.first, n.room = h.reserve(room), uint16(room)
		copy(h.vals[n.first/valChunk][n.first%valChunk:], old)
	}
	copy(h.vals[n.first/valChunk][n.first%valChunk+uint32(n.kept):], vs)
	n.kept += uint16(len(vs))
	for _, v := range vs {
		n.cost = addCost(n.cost, h.weight(v))
	}
}

// weight is the cost of a value: what it holds and all below it, as often as it is referred to.
func (h *heap) weight(v val) int32 {
	switch {
	case v.k.onHeap():
		return h.at(v.id).cost
	case v.k == kLost:
		return int32(min(v.n, maxCost))
	}
	return 0
}

// attr gives the value that a node has under a tagged name.
func (h *heap) attr(n *node, t tag) (val, bool) {
	if n.ext == 0 || h.exts[n.ext-1][t].k == kEmpty {
		return val{}, false
	}
	return h.exts[n.ext-1][t], true
}

func (h *heap) setAttr(n *node, t tag, v val) {
	if t == tagNone {
		return
	}
	if n.ext == 0 {
		h.exts = append(h.exts, attrs{})
		h.used += attrsSize
		n.ext = uint32(len(h.exts))
	}
	h.exts[n.ext-1][t] = v
}

// collection is a collection under way.
type collection struct {
	from, to heap
	scanned  uint32
	limit    int64 // bytes that may be kept
}

// keep copies what a value refers to and leads the value there, which may be done once for each place of a value; it makes the value a lost one where there is no room for it.
func (c *collection) keep(v *val) {
	if !v.k.onHeap() {
		return
	}
	n := c.from.at(v.id)
	switch {
	case n.moved:
		v.id = n.first
	case c.to.used >= c.limit:
		*v = val{k: kLost, n: int64(n.cost)}
	default:
		id, copied := c.to.make()
		*copied = *n
		c.to.used += int64(n.kept) * valSize // taken before the items are copied, so that the limit holds
		if n.ext != 0 {
			c.to.used += attrsSize
		}
		n.moved, n.first = true, id // the copy still knows where its items are
		v.id = id
	}
}

// scan copies what the copies refer to, nearest first.
func (c *collection) scan() {
	for ; c.scanned < c.to.next; c.scanned++ {
		n := c.to.at(c.scanned)
		if items := c.from.items(n); len(items) > 0 {
			n.first, n.room = c.to.reserve(len(items)), n.kept
			c.to.used -= int64(len(items)) * valSize // counted when the node was kept
			copied := c.to.items(n)
			copy(copied, items)
			for i := range copied {
				c.keep(&copied[i])
			}
		}
		if n.calleeKind.onHeap() {
			v := val{k: n.calleeKind, id: n.callee}
			c.keep(&v)
			n.calleeKind, n.callee = v.k, v.id
		}
		if n.ext != 0 {
			c.to.exts = append(c.to.exts, c.from.exts[n.ext-1])
			n.ext = uint32(len(c.to.exts))
			a := &c.to.exts[n.ext-1]
			for t := range a {
				c.keep(&a[t])
			}
		}
	}
}

// collect keeps what the machine can still reach. It may only run between two opcodes.
func (m *machine) collect() {
	c := &collection{from: m.heap, limit: heapLive, scanned: 1}
	c.to = heap{next: 1, run: m.heap.run, spareNodes: m.heap.spareNodes, spareVals: m.heap.spareVals}
	c.state(&m.state)
	for i := range m.forks {
		c.state(&m.forks[i])
	}
	c.codes(&m.codes)
	c.scan()
	m.memo.each(func(v *val) {
		if v.fetched {
			c.keep(v)
		}
	})
	c.scan()
	c.limit = heapMemo
	m.memo.each(func(v *val) {
		if !v.fetched {
			c.keep(v)
		}
	})
	for i := range m.forks {
		m.forks[i].memo.each(c.keep)
	}
	c.scan()
	m.codes.moved(&c.from)
	m.heap = c.to
	m.heap.spareNodes = append(m.heap.spareNodes, c.from.nodes...)
	m.heap.spareVals = append(m.heap.spareVals, c.from.vals...)
	m.heap.limit = m.heap.used + m.heap.run
}

// state keeps what is on a stack: first what lies below the marks, to which later opcodes add what is above, then from the top on.
func (c *collection) state(s *state) {
	for _, at := range s.marks {
		if at > 0 && at <= len(s.stack) {
			v := s.stack[at-1]
			c.keep(&v)
		}
	}
	for i := len(s.stack) - 1; i >= 0; i-- {
		c.keep(&s.stack[i])
	}
}
