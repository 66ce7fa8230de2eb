#include "nacre/study/memory_store.hpp"

#include <set>
#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// The derived tables.
struct Tables {
  std::optional<StudyRecord> study;
  std::vector<TrialRow> trials;
  std::set<int64_t> open;                       // numbers that are pending or running
  std::map<std::string, int64_t> first_by_key;  // results that may be reused
  std::map<std::string, DeviceLease> devices;
  std::map<std::string, Artifact> artifacts;
  std::map<std::string, Followup> followups;
  std::vector<Sitting> sittings;
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(Clock clock) : Store(std::move(clock)) {}

 private:
  // A transaction that fails is undone by replaying the log up to where it began: rare, so that commits cost nothing.
  void begin() override { events_at_begin_ = events_.size(); }
  void commit() override {}
  void rollback() override {
    if (events_.size() == events_at_begin_) return;
    events_.resize(events_at_begin_);
    rebuild();
  }

  int64_t append_event(const Event& event) override {
    events_.push_back(event);
    events_.back().sequence = static_cast<int64_t>(events_.size());
    return events_.back().sequence;
  }
  std::optional<double> last_event_time_s() override {
    return events_.empty() ? std::nullopt : std::optional(events_.back().time_s);
  }
  void visit_events(int64_t after, const std::function<void(const Event&)>& visit) override {
    for (size_t i = static_cast<size_t>(after); i < events_.size(); ++i) visit(events_[i]);
  }
  void clear_tables() override { tables_ = {}; }

  std::optional<StudyRecord> read_study() override { return tables_.study; }
  void write_study(const StudyRecord& record) override { tables_.study = record; }

  int64_t count_trials() override { return static_cast<int64_t>(tables_.trials.size()); }
  TrialRow* find(int64_t number) {
    return number >= 0 && number < count_trials() ? &tables_.trials[static_cast<size_t>(number)] : nullptr;
  }
  std::optional<TrialRow> read_trial(int64_t number) override {
    const TrialRow* row = find(number);
    return row != nullptr ? std::optional(*row) : std::nullopt;
  }
  std::optional<LeaseState> read_lease(int64_t number) override {
    const TrialRow* row = find(number);
    return row != nullptr ? std::optional(row->lease) : std::nullopt;
  }
  void insert_trial(const TrialRow& row) override {
    NACRE_CHECK(row.trial.number == count_trials());
    tables_.trials.push_back(row);
    tables_.open.insert(row.trial.number);
  }
  void update_lease(int64_t number, const LeaseState& lease) override {
    TrialRow& row = *find(number);
    row.lease = lease;
    row.trial.status = lease.status;
  }
  void update_result(const TrialRow& row) override {
    *find(row.trial.number) = row;
    tables_.open.erase(row.trial.number);
    const TrialStatus status = row.trial.status;
    const bool reusable = status == TrialStatus::ok || status == TrialStatus::infeasible;
    if (!reusable || row.trial.cached_from >= 0 || row.trial.key.empty()) return;
    const auto [found, inserted] = tables_.first_by_key.emplace(row.trial.key, row.trial.number);
    if (!inserted) found->second = std::min(found->second, row.trial.number);
  }
  std::optional<int64_t> first_leasable(double now_s) override {
    for (const int64_t number : tables_.open) {
      const LeaseState& lease = find(number)->lease;
      if (lease.status == TrialStatus::pending || lease.deadline_s <= now_s) return number;
    }
    return std::nullopt;
  }
  std::optional<int64_t> first_result(const std::string& key) override {
    const auto found = tables_.first_by_key.find(key);
    return found != tables_.first_by_key.end() ? std::optional(found->second) : std::nullopt;
  }
  void visit_trials(int64_t first, const std::function<void(const TrialRow&)>& visit) override {
    for (int64_t number = std::max<int64_t>(first, 0); number < count_trials(); ++number) visit(*find(number));
  }
  std::map<TrialStatus, int64_t> count_statuses() override {
    std::map<TrialStatus, int64_t> counts;
    for (const TrialRow& row : tables_.trials) ++counts[row.trial.status];
    return counts;
  }

  std::optional<DeviceLease> read_device(const std::string& device) override {
    const auto found = tables_.devices.find(device);
    return found != tables_.devices.end() ? std::optional(found->second) : std::nullopt;
  }
  void write_device(const DeviceLease& lease) override { tables_.devices[lease.device] = lease; }
  std::vector<DeviceLease> read_devices() override {
    std::vector<DeviceLease> result;
    for (const auto& [name, lease] : tables_.devices) result.push_back(lease);
    return result;
  }
  std::optional<Artifact> read_artifact(const std::string& name) override {
    const auto found = tables_.artifacts.find(name);
    return found != tables_.artifacts.end() ? std::optional(found->second) : std::nullopt;
  }
  std::optional<Followup> read_followup(const std::string& name) override {
    const auto found = tables_.followups.find(name);
    return found != tables_.followups.end() ? std::optional(found->second) : std::nullopt;
  }
  void write_followup(const Followup& followup) override {
    tables_.followups.insert_or_assign(followup.name, followup);
  }
  std::vector<Followup> read_followups() override {
    std::vector<Followup> result;
    for (const auto& [name, followup] : tables_.followups) result.push_back(followup);
    return result;
  }
  void insert_artifact(const Artifact& artifact) override { tables_.artifacts.emplace(artifact.name, artifact); }
  std::vector<Artifact> read_artifacts() override {
    std::vector<Artifact> result;
    for (const auto& [name, artifact] : tables_.artifacts) result.push_back(artifact);
    return result;
  }
  void write_sitting(const Sitting& sitting) override {
    const size_t index = static_cast<size_t>(sitting.number) - 1;
    if (index >= tables_.sittings.size()) tables_.sittings.resize(index + 1);
    tables_.sittings[index] = sitting;
  }
  std::vector<Sitting> read_sittings() override { return tables_.sittings; }

  std::vector<Event> events_;
  size_t events_at_begin_ = 0;
  Tables tables_;
};

}  // namespace

std::unique_ptr<Store> make_memory_store(Store::Clock clock) { return std::make_unique<MemoryStore>(std::move(clock)); }

}  // namespace nacre
