// Arithmetic over dimensions: how shape inference writes "past+1" or "2*batch", and how binding reads it again.
//
// A symbol's name is an expression of + - * / (floor division), parentheses, integers and identifiers. Results are kept in
// one canonical form, a sum of products with integer coefficients, so that equal dimensions get equal names: "batch*12"
// and "12*batch" are the same symbol. What cannot be written exactly (overflow, a name that is no expression) is unknown.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre {

// Results on fixed dimensions are numbers; on symbols, symbols of `graph`; negative or inexact results are unknown.
Dim add_dims(Graph& graph, Dim a, Dim b);
Dim subtract_dims(Graph& graph, Dim a, Dim b);
Dim multiply_dims(Graph& graph, Dim a, Dim b);
Dim divide_dims(Graph& graph, Dim a, Dim b);  // floor(a / b); unknown when b is 0

// The same over texts, for values that may be negative ("past-4"). Nothing when a text is no expression.
std::optional<std::string> combine_dim_expressions(std::string_view a, char operation, std::string_view b);

// The number behind `expression` when all its symbols are bound; nothing otherwise.
std::optional<int64_t> evaluate_dim_expression(std::string_view expression, const SymbolBindings& bindings);
// `expression` with the bound symbols replaced, in canonical form; itself when it is no expression.
std::string bind_dim_expression(std::string_view expression, const SymbolBindings& bindings);

}  // namespace nacre
