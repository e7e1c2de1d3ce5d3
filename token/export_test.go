package token

// Sentinels are all sentinel errors, for tests that want exactly one to match.
var Sentinels = sentinels
