package engineio

import (
	"bytes"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// parkedAnswers are the answers to parked polls that are to be written. A broadcast may answer very
// many polls at once, so at most one goroutine for each processor writes them, and none of these
// waits for a peer.
type parkedAnswers struct {
	mu      sync.Mutex // locked after a session's mutex
	queue   []parkedAnswer
	writers int // goroutines
}

type parkedAnswer struct {
	k      *parked
	answer pollAnswer
}

// answerParked writes the answer to the poll of k soon. The session's mutex is held.
func (srv *Server) answerParked(k *parked, a pollAnswer) {
	p := &srv.answers
	p.mu.Lock()
	p.queue = append(p.queue, parkedAnswer{k, a})
	start := p.writers < len(srv.flushers)
	if start {
		p.writers++
	}
	p.mu.Unlock()
	if start {
		srv.hands.run(TaskFunc(p.write)) // Shutdown waits for k
	}
}

// write writes the answers that are queued, and lets other goroutines run in between.
func (p *parkedAnswers) write() {
	var turn [perLook]parkedAnswer
	for {
		n := p.take(turn[:])
		if n == 0 {
			return
		}
		for _, a := range turn[:n] {
			a.k.respond(a.answer)
		}
		clear(turn[:n])
		runtime.Gosched()
	}
}

// take takes the answers of a turn. If there are none, write must return.
func (p *parkedAnswers) take(turn []parkedAnswer) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := copy(turn, p.queue)
	clear(p.queue[:n])
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil // an idle server keeps no array
	}
	if n == 0 {
		p.writers--
	}
	return n
}

// respond writes the answer to the poll. It does not wait for the peer.
func (k *parked) respond(a pollAnswer) {
	r, poll := requestWithoutGzip, k.poll
	if a.refusal != nil {
		go func() {
			w := &parkedWriter{k: k, header: poll.header, minor: poll.minor}
			k.srv.refuse(w, r, a.refusal)
			k.responded(w.err)
		}()
		return
	}
	buf := batches.Get().(*[]byte)
	defer batches.Put(buf)
	if poll.gzip {
		r = requestWithGzip
	}
	contentType, body := k.srv.payload(poll.header, r, poll.codec, a.packets)
	b := k.appendAnswer((*buf)[:0], poll.minor, http.StatusOK, poll.header, contentType, body)
	pooled := cap(b) <= 2*maxBatch
	if pooled {
		*buf = b
	}
	rest, err := k.watch.write(b)
	if err != nil || len(rest) == 0 {
		k.responded(poll.written(err))
		return
	}
	if pooled {
		rest = bytes.Clone(rest)
	}
	go func() { k.responded(poll.written(k.write(rest))) }()
}

// responded is called when the response to the poll has been written, or could not be.
func (k *parked) responded(err error) {
	k.srv.figures.parkedPolls.Add(-1)
	k.mu.Lock()
	k.poll = nil
	k.ended = k.ended || k.last || err != nil
	k.setDeadline()
	goOn := k.woken && k.cancel == nil
	k.mu.Unlock()
	if goOn {
		k.srv.hands.run(TaskFunc(k.next))
	}
}

// send writes b, and waits for the peer as long as a response may take.
func (k *parked) send(b []byte) error {
	rest, err := k.watch.write(b)
	if err != nil || len(rest) == 0 {
		return err
	}
	return k.write(rest)
}

// write is send with a deadline, which costs as much as a part of the write.
func (k *parked) write(b []byte) error {
	if err := k.beginWrite(time.Now().Add(k.srv.patience(k.srv.opts.PingTimeout))); err != nil {
		return err
	}
	defer k.conn.SetWriteDeadline(time.Time{}) // which would end a later write
	_, err := k.conn.Write(b)
	return err
}

// beginWrite sets the deadline of a write, unless the connection was aborted.
func (k *parked) beginWrite(deadline time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.aborted {
		return os.ErrDeadlineExceeded
	}
	return k.conn.SetWriteDeadline(deadline)
}

// appendAnswer appends a whole response with the headers of Server.answer, and those in h that middleware
// or payload have set. All responses of this package on parked connections are made here.
func (k *parked) appendAnswer(b []byte, minor, status int, h http.Header, contentType string, body []byte) []byte {
	b = append(b, "HTTP/1."...)
	b = strconv.AppendInt(b, int64(minor), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"...)
	if len(body) > 0 {
		b = append(b, "Content-Type: "...)
		b = append(b, contentType...)
		b = append(b, "\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n"...)
	if h["Connection"] != nil {
		k.closeAfterResponse()
	}
	if k.isLast() {
		b = append(b, "Connection: close\r\n"...)
	}
	if len(h) > 0 {
		head := bytes.NewBuffer(b)
		_ = h.WriteSubset(head, ownHeaders) // a buffer does not fail
		b = head.Bytes()
	}
	b = append(b, "\r\n"...)
	return append(b, body...)
}

// ownHeaders are those that middleware cannot set on a response of this package.
var ownHeaders = map[string]bool{"Cache-Control": true, "X-Content-Type-Options": true, "Content-Type": true,
	"Content-Length": true, "Date": true, "Connection": true, "Transfer-Encoding": true, "Trailer": true}
