// Arithmetic over symbolic dimensions: one canonical form, equal to plain arithmetic once bound.
#include "nacre/ir/dim_expression.hpp"

#include <gtest/gtest.h>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

TEST(DimExpression, EqualDimensionsGetEqualNames) {
  Graph graph;
  const Dim batch = graph.symbol("batch");
  const Dim past = graph.symbol("past");
  EXPECT_EQ(graph.dim_text(add_dims(graph, past, Dim(1))), "past+1");
  EXPECT_EQ(add_dims(graph, Dim(1), past), add_dims(graph, past, Dim(1)));
  EXPECT_EQ(graph.dim_text(multiply_dims(graph, batch, Dim(2))), "2*batch");
  EXPECT_EQ(multiply_dims(graph, past, batch), multiply_dims(graph, batch, past));
  EXPECT_EQ(graph.dim_text(multiply_dims(graph, add_dims(graph, past, Dim(1)), batch)), "batch+batch*past");
  EXPECT_EQ(divide_dims(graph, multiply_dims(graph, batch, Dim(768)), Dim(768)), batch);
  EXPECT_EQ(divide_dims(graph, multiply_dims(graph, batch, past), batch), past);
  EXPECT_EQ(subtract_dims(graph, add_dims(graph, past, Dim(5)), Dim(5)), past);
  EXPECT_EQ(subtract_dims(graph, past, past), Dim(0));
  EXPECT_EQ(graph.dim_text(divide_dims(graph, add_dims(graph, past, Dim(3)), Dim(2))), "(past+1)/2+1");
}

TEST(DimExpression, WhatIsNotExactIsUnknown) {
  Graph graph;
  const Dim odd = graph.symbol("dim 3 of 'x'");  // no expression
  EXPECT_TRUE(add_dims(graph, odd, Dim(1)).is_unknown());
  EXPECT_EQ(multiply_dims(graph, odd, Dim(1)), odd);
  EXPECT_TRUE(add_dims(graph, Dim(), Dim(1)).is_unknown());
  EXPECT_TRUE(subtract_dims(graph, Dim(1), Dim(2)).is_unknown());
  EXPECT_TRUE(divide_dims(graph, Dim(4), Dim(0)).is_unknown());
  EXPECT_TRUE(multiply_dims(graph, Dim(int64_t{1} << 40), Dim(int64_t{1} << 40)).is_unknown());
}

TEST(DimExpression, BindsWholeAndInPart) {
  const SymbolBindings bindings = {{"past", 7}, {"odd name", 3}};
  EXPECT_EQ(evaluate_dim_expression("past + 1", bindings), 8);
  EXPECT_EQ(evaluate_dim_expression("(past-1)/4*2", bindings), 2);
  EXPECT_EQ(evaluate_dim_expression("odd name", bindings), 3);
  EXPECT_EQ(evaluate_dim_expression("batch*past", bindings), std::nullopt);
  EXPECT_EQ(evaluate_dim_expression("past/0", bindings), std::nullopt);
  EXPECT_EQ(bind_dim_expression("batch*past+past", bindings), "7*batch+7");
  EXPECT_EQ(bind_dim_expression("no expression!", bindings), "no expression!");
  EXPECT_EQ(combine_dim_expressions("past", '-', "8"), "past-8");
}

// Random expressions over two symbols: bound at once or through the canonical text, the number is that of integers.
TEST(DimExpression, AgreesWithIntegers) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const int64_t a = random.integer(0, 20);
    const int64_t b = random.integer(1, 20);
    const SymbolBindings bindings = {{"a", a}, {"b", b}};
    std::string text = random.bernoulli(0.5) ? "a" : "b";
    int64_t number = text == "a" ? a : b;
    for (int step = 0; step < 5; ++step) {
      const char operation = "+-*/"[random.below(4)];
      const bool symbol = operation != '/' && random.bernoulli(0.4);
      const int64_t operand = symbol ? b : random.integer(1, 6);
      const std::optional<std::string> next =
          combine_dim_expressions(text, operation, symbol ? "b" : std::to_string(operand));
      if (!next.has_value()) break;
      text = *next;
      switch (operation) {
        case '+': number += operand; break;
        case '-': number -= operand; break;
        case '*': number *= operand; break;
        default: number = number / operand - (number % operand != 0 && number < 0 ? 1 : 0); break;
      }
      ASSERT_EQ(evaluate_dim_expression(text, bindings), number) << text << " at a=" << a << " b=" << b;
      // Binding one after the other is binding both.
      ASSERT_EQ(evaluate_dim_expression(bind_dim_expression(text, {{"a", a}}), {{"b", b}}), number) << text;
    }
  }
}

TEST(DimExpression, LongTextsAreRefusedNotExplored) {
  const std::string deep(200, '(');
  EXPECT_EQ(evaluate_dim_expression(deep + "1", {}), std::nullopt);
  std::string product = "(a+b)";
  for (int i = 0; i < 30; ++i) product += "*(a" + std::to_string(i) + "+b)";
  EXPECT_EQ(evaluate_dim_expression(product, {}), std::nullopt);
}

}  // namespace
}  // namespace nacre
