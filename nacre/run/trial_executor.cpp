#include "nacre/run/trial_executor.hpp"

#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

class InlineExecutor final : public TrialExecutor {
 public:
  explicit InlineExecutor(std::function<TrialOutcome(const Trial&, const Json&)> evaluate)
      : evaluate_(std::move(evaluate)) {}

  int64_t capacity() const override { return 1; }
  int64_t running() const override { return waiting_ ? 1 : 0; }
  void start(const Trial& trial, const Json& stopping) override {
    NACRE_CHECK(!waiting_, "one trial at a time");
    waiting_ = {trial, stopping};
  }
  std::vector<TrialOutcome> wait(double) override {
    if (!waiting_) return {};
    const auto [trial, stopping] = *std::exchange(waiting_, std::nullopt);
    return {evaluate_(trial, stopping)};
  }
  std::string worker_of(int64_t) const override { return "this process"; }
  void cancel() override { waiting_.reset(); }
  void pause() override {}
  void resume() override {}

 private:
  std::function<TrialOutcome(const Trial&, const Json&)> evaluate_;
  std::optional<std::pair<Trial, Json>> waiting_;
};

}  // namespace

std::unique_ptr<TrialExecutor> make_inline_executor(std::function<TrialOutcome(const Trial&, const Json&)> evaluate) {
  return std::make_unique<InlineExecutor>(std::move(evaluate));
}

}  // namespace nacre
