#include "nacre/run/trial_executor.hpp"

#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

class InlineExecutor final : public TrialExecutor {
 public:
  explicit InlineExecutor(std::function<TrialOutcome(const Trial&)> evaluate) : evaluate_(std::move(evaluate)) {}

  int64_t capacity() const override { return 1; }
  int64_t running() const override { return waiting_ ? 1 : 0; }
  void start(const Trial& trial) override {
    NACRE_CHECK(!waiting_, "one trial at a time");
    waiting_ = trial;
  }
  std::vector<TrialOutcome> wait(double) override {
    if (!waiting_) return {};
    const Trial trial = *std::exchange(waiting_, std::nullopt);
    return {evaluate_(trial)};
  }
  std::string worker_of(int64_t) const override { return "this process"; }
  void cancel() override { waiting_.reset(); }
  void pause() override {}
  void resume() override {}

 private:
  std::function<TrialOutcome(const Trial&)> evaluate_;
  std::optional<Trial> waiting_;
};

}  // namespace

std::unique_ptr<TrialExecutor> make_inline_executor(std::function<TrialOutcome(const Trial&)> evaluate) {
  return std::make_unique<InlineExecutor>(std::move(evaluate));
}

}  // namespace nacre
