// Looks for a linear order of the calls in each history, with Porcupine. Reads histories as lines of JSON, each an array of
// calls, and prints a line for each: "Ok", "Illegal", or "Unknown" when a minute was not enough.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	timeout      = time.Minute
	historyBytes = 64 << 20
)

// call is a call of a client with its response. Values that are nil in JSON are missing keys and responses.
type call struct {
	Begin int64 `json:"begin"`
	// Nil: there was no response. The call takes effect at some later moment, or never.
	End *int64 `json:"end"`
	operation
}

type operation struct {
	Kind string `json:"kind"`
	// Of a get.
	Found map[string]*string `json:"found"`
	// Of a put.
	Writes map[string]string `json:"writes"`
	// Of a delete or a swap.
	Key string `json:"key"`
	// Of a delete: whether there was one. Of a swap: whether the key had the value From.
	Done *bool   `json:"done"`
	From *string `json:"from"`
	To   string  `json:"to"`
}

type store map[string]string

// model is what a store with one client does.
var model = porcupine.Model{
	Init:  func() any { return store{} },
	Step:  func(state, input, _ any) (bool, any) { return input.(operation).apply(state.(store)) },
	Equal: func(one, other any) bool { return maps.Equal(one.(store), other.(store)) },
}

// apply returns whether the operation may have had its response in this state, and the state after it.
func (o operation) apply(before store) (bool, store) {
	switch o.Kind {
	case "get":
		for key, want := range o.Found {
			if value, ok := before[key]; ok != (want != nil) || ok && value != *want {
				return false, before
			}
		}
		return true, before
	case "put":
		after := maps.Clone(before)
		maps.Copy(after, o.Writes)
		return true, after
	case "delete":
		_, exists := before[o.Key]
		if o.Done != nil && *o.Done != exists {
			return false, before
		}
		after := maps.Clone(before)
		delete(after, o.Key)
		return true, after
	case "swap":
		value, exists := before[o.Key]
		matches := exists == (o.From != nil) && (!exists || value == *o.From)
		if o.Done != nil && *o.Done != matches {
			return false, before
		}
		if !matches {
			return true, before
		}
		after := maps.Clone(before)
		after[o.Key] = o.To
		return true, after
	}
	log.Fatalf("unknown operation %q", o.Kind)
	return false, before
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, historyBytes)
	for lines.Scan() {
		var calls []call
		if err := json.Unmarshal(lines.Bytes(), &calls); err != nil {
			log.Fatal(err)
		}
		fmt.Println(porcupine.CheckOperationsTimeout(model, toHistory(calls), timeout))
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

// toHistory ends calls without a response after all others: there, one that never took effect has none that shows.
func toHistory(calls []call) []porcupine.Operation {
	history := make([]porcupine.Operation, len(calls))
	for index, each := range calls {
		end := int64(math.MaxInt64)
		if each.End != nil {
			end = *each.End
		}
		history[index] = porcupine.Operation{ClientId: index, Input: each.operation, Call: each.Begin, Return: end}
	}
	return history
}
