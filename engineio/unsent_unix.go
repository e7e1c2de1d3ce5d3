//go:build unix

package engineio

// The buffer of a connection whose peer does not read fills first. On the loopback interface, and
// so behind a proxy on the same machine, Linux lets it grow to 2.6 MB, which the kernel keeps for
// each connection, and each message takes a system call that copies it. In the queue of a writer
// the receivers of a broadcast share its bytes, and they count in Options.MaxOutbound. So the
// kernel gets a bound for what it keeps and has not sent. It does not count what is under way to
// the peer, so a fast connection stays fast.
const (
	maxUnsent  = 8 * maxBatch
	largeWrite = 4 << 10
)

// boundUnsent bounds what the kernel keeps unsent, once, and before a write that is large: the
// bound costs a system call, and most connections have no large write. The caller owns the writer.
func (in *input) boundUnsent(size int) {
	switch {
	case size < largeWrite:
	case in.poll != nil && !in.poll.bounded:
		in.poll.bounded = true
		_ = in.poll.raw.Control(limitUnsent) // fails if the connection is closed, as the write will
	case in.secure != nil && !in.secure.bounded:
		in.secure.bounded = true
		_ = in.secure.raw.Control(limitUnsent)
	}
}
