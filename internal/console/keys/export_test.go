package keys

// For the tests of package keys_test.

const MaxOwnKeys = maxOwnKeys

const MaxOwnSecrets = maxOwnSecrets
