package token

// Sentinels are all sentinel errors, for tests that want exactly one to match.
var Sentinels = sentinels

// WhileNobodyVerifies runs f while all turns are taken, so that what needs one waits.
func WhileNobodyVerifies(f func()) {
	for range cap(verifying) {
		verifying <- struct{}{}
	}
	defer func() {
		for range cap(verifying) {
			<-verifying
		}
	}()
	f()
}

// Kept returns how many issuers are kept with a Verifier and without one.
func (i *Issuers) Kept() (known, unknown int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.answers.known), len(i.answers.unknown)
}
