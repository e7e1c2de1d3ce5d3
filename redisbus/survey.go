package redisbus

import (
	"slices"
	"sync"
	"time"
)

// Nodes of other software reply without their name, and any client that listens on a request
// channel looks like one. Surveys learn how many of these subscribers answer, so that a stopped node or
// a listener that never answers costs one request its patience, and not each request.

const (
	surveyFor   = 4 * time.Second  // how long answers of one request are counted, at most
	knownFor    = 30 * time.Second // how long a result holds
	mostSurveys = 4000
	mostWatched = 100 // namespaces whose subscribers are counted again while answers are missing
)

// surveys counts the answers without a name.
type surveys struct {
	mu      sync.Mutex
	open    map[string]*survey // by request
	results map[string]result  // by namespace
	closed  bool
}

// A survey counts the answers to one request.
type survey struct {
	namespace string
	asked     int // subscribers without a name
	answered  int
	gone      int // that have left without having answered
	timer     *time.Timer
}

// A result says how many of the subscribers without a name answer in a namespace.
type result struct {
	asked int
	best  int // the most that have answered one request
	last  int // that have answered the last request
	until time.Time
}

// begin begins to count the answers to a request that n subscribers without a name receive. It
// returns how many are expected to answer, and how many have answered before but do not any
// more. A subscriber that never answers is not a node, and is not counted.
func (s *surveys) begin(namespace, request string, n int, timeout time.Duration) (expected, silent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	expected = n
	if r, ok := s.results[namespace]; ok && r.asked == n && time.Now().Before(r.until) {
		expected, silent = r.last, r.best-r.last
	}
	if s.closed || len(s.open) >= mostSurveys || s.open[request] != nil {
		return expected, silent
	}
	if s.open == nil {
		s.open = make(map[string]*survey)
	}
	x := &survey{namespace: namespace, asked: n}
	s.open[request] = x
	if timeout = timeout * 4 / 5; timeout <= 0 || timeout > surveyFor { // before the caller asks again
		timeout = surveyFor
	}
	x.timer = time.AfterFunc(timeout, func() { s.end(request, x, timeout >= time.Second) })
	return expected, silent
}

// answer records an answer without a name.
func (s *surveys) answer(request string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.open[request]
	if x == nil {
		return
	}
	x.answered++
	s.finishIfComplete(request, x)
}

// finishIfComplete ends a survey if no answer is missing. The caller holds mu.
func (s *surveys) finishIfComplete(request string, x *survey) {
	if x.answered+x.gone >= x.asked {
		x.timer.Stop()
		s.finish(request, x)
	}
}

// waiting returns the namespaces of open surveys.
func (s *surveys) waiting() (namespaces []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.open {
		if !slices.Contains(namespaces, x.namespace) && len(namespaces) < mostWatched {
			namespaces = append(namespaces, x.namespace)
		}
	}
	return namespaces
}

// left records that a namespace has n subscribers without a name now. It returns the requests
// to which an answer is missing that will not come, once for each answer.
func (s *surveys) left(namespace string, n int) (requests []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for request, x := range s.open {
		if x.namespace != namespace {
			continue
		}
		gone := min(x.asked-x.gone-n, x.asked-x.gone-x.answered)
		for ; gone > 0; gone-- {
			x.gone++
			requests = append(requests, request)
		}
		s.finishIfComplete(request, x)
	}
	return requests
}

// end ends a survey when its time is over. If the time was short, those that have not answered
// may only be slow.
func (s *surveys) end(request string, x *survey, conclusive bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open[request] != x:
	case conclusive:
		s.finish(request, x)
	default:
		delete(s.open, request)
	}
}

// finish records the result of a survey. The caller holds mu.
func (s *surveys) finish(request string, x *survey) {
	delete(s.open, request)
	if x.gone > 0 {
		return // there are fewer now
	}
	now := time.Now()
	if s.results == nil {
		s.results = make(map[string]result)
	}
	if len(s.results) >= mostSurveys { // peers choose the names of dynamic namespaces
		clear(s.results)
	}
	r := s.results[x.namespace]
	if r.asked != x.asked || now.After(r.until) {
		r = result{asked: x.asked}
	}
	r.last = min(x.answered, x.asked)
	r.best = max(r.best, r.last)
	r.until = now.Add(knownFor)
	s.results[x.namespace] = r
}

func (s *surveys) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, x := range s.open {
		x.timer.Stop()
	}
	s.open = nil
}
