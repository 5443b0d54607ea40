// Package alerting evaluates alert rules: on the ledger's commits, and by the clock. One process does it at a time, the one that
// has the lease of store.TaskAlerts.
//
// A rule that looks at calls has a meter, which every commit is added to, so that a look costs the same however many calls
// there are. Rules with one filter and one window share a meter, and a call is only shown to the filters that name one of its
// values. At a start the meters are filled from the ledger.
//
// What an evaluation comes to, the changed states, the alerts and the deliveries that follow, is one transaction of the
// store. After an error the stored states are read again: an alert is neither lost nor raised twice.
//
// Times are measured by the monotonic clock. Where the clock on the wall is set, the states are moved by as much, so that
// nothing fires or ends because of it.
//
// The package sends nothing: deliveries are a queue in the store. It never holds a key, only fingerprints.
package alerting
