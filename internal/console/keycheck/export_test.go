package keycheck

// For the tests of package keycheck_test.

var AddressHeaders = addressHeaders

var HeaderText = headerText
