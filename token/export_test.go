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
