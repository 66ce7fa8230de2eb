#include "nacre/supernet/block_training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "nacre/design/decisions_json.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/nn/batch_source.hpp"
#include "nacre/nn/register.hpp"
#include "nacre/nn/schedule.hpp"
#include "nacre/nn/teacher.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/torch_executor.hpp"
#include "nacre/nn/torch_types.hpp"
#include "nacre/supernet/block_sums.hpp"
#include "nacre/supernet/ensemble_bootstrap.hpp"
#include "nacre/supernet/running_statistics.hpp"
#include "nacre/supernet/sample_batches.hpp"
#include "nacre/supernet/shared_store.hpp"

namespace nacre {
namespace {

using Clock = std::chrono::steady_clock;
using Inputs = std::vector<at::Tensor>;  // of a network or of a block, in the order of its graph

// What the paths of a block read, as a graph of parameters alone; of one name the largest.
class ParameterUnion {
 public:
  void add(const Graph& graph) {
    for (const Initializer& one : graph.initializers()) {
      const Value& value = graph.value(one.value);
      if (one.data != nullptr || !is_floating(value.type)) continue;
      const auto found = std::ranges::find(names_, value.name);
      if (found == names_.end()) {
        names_.push_back(value.name);
        kept_.push_back({value.type, *value.shape, one.distribution, one.trainable});
        continue;
      }
      Shape& shape = kept_[static_cast<size_t>(found - names_.begin())].shape;
      if (shape.rank() != value.shape->rank())
        throw UserError("parameter '" + value.name + "' has another rank in another network");
      Shape larger;
      for (int axis = 0; axis < shape.rank(); ++axis)
        larger.push_back(Dim(std::max(shape[axis].extent(), (*value.shape)[axis].extent())));
      shape = larger;
    }
  }
  Graph graph() const {
    Graph graph;
    for (size_t i = 0; i < names_.size(); ++i)
      graph.add_parameter(names_[i], kept_[i].type, kept_[i].shape, kept_[i].distribution, kept_[i].trainable);
    return graph;
  }

 private:
  struct Kept {
    ElementType type;
    Shape shape;
    Distribution distribution;
    bool trainable;
  };
  std::vector<std::string> names_;
  std::vector<Kept> kept_;
};

// One path of the block at hand.
struct Path {
  Decisions decisions;
  Graph features;  // without heads
  int64_t params = 0, macs = 0;
  std::unique_ptr<TorchExecutor> online, target;  // compiled when they are first drawn
};

// One side of a block that is finished: its best path, without heads.
struct Passage {
  std::unique_ptr<TorchExecutor> features;
};

struct BlockState {
  std::unique_ptr<SharedStore> online, target;
  Passage passage;
};

std::vector<at::Tensor> pair_of(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  std::vector<at::Tensor> both;
  for (size_t i = 0; i < a.size(); ++i) both.push_back(at::cat({a[i], b[i]}));
  return both;
}

}  // namespace

class BlockTraining::Impl {
 public:
  Impl(std::shared_ptr<const Space> space, std::shared_ptr<const Task> task, SupernetSettings settings,
       SupernetOptions options)
      : space_(std::move(space)),
        task_(std::move(task)),
        settings_((prepare_process(options.numerics), std::move(settings))),
        plan_(settings_.blockwise.value()),
        options_(std::move(options)),
        chain_(*space_, plan_.partition),
        source_(*task_, Split::train, &settings_.recipe, 1, torch_device(options_.numerics.device)),
        held_out_(*task_, Split::validation, &settings_.recipe, 1, torch_device(options_.numerics.device)) {
    check();
    const auto samples = divided_samples(source_.size(), 0).first;
    batches_ = std::make_unique<Batches>(source_, samples, settings_.recipe.batch_size, options_.seed, "weights");
    epochs_per_block_ = std::max<int64_t>(1, std::llround(settings_.recipe.epochs));
    if (options_.state != nullptr)
      resume(*options_.state);
    else
      begin_block();
  }

  void run() {
    while (rated_.size() < chain_.size()) {
      const auto end = static_cast<int64_t>(rated_.size() + 1) * epochs_per_block_;
      while (static_cast<int64_t>(epochs_.size()) < end) run_epoch();
      rate_block();
      finish_block();
      if (rated_.size() < chain_.size()) begin_block();
    }
  }

  const std::vector<RatedBlock>& blocks() const { return rated_; }
  size_t block_count() const { return chain_.size(); }
  const std::vector<SupernetEpoch>& epochs() const { return epochs_; }

  int64_t parameter_count() const {
    int64_t count = 0;
    for (const BlockState& block : states_) count += block.online->parameter_count();
    return count;
  }

  std::vector<ScoredNetwork> proposed(int64_t count, const Limits& limits) const {
    NACRE_CHECK(rated_.size() == chain_.size(), "networks are proposed of rated blocks");
    Decisions best;
    for (const RatedBlock& block : rated_) best = BlockChain::joined(best, block.paths[block.best].decisions);
    const bool by_macs = limits.macs.has_value();
    const auto cost_of = [by_macs](const RatedPath& path) {
      return static_cast<double>(by_macs ? path.macs : path.params);
    };
    // What no block holds, the classifier, costs what it costs the best network.
    const auto [best_params, best_macs] = counts_of(best);
    double outside = static_cast<double>(by_macs ? best_macs : best_params);
    std::vector<std::vector<BlockOption>> options;
    std::vector<std::vector<const RatedPath*>> paths;
    for (size_t k = 0; k < rated_.size(); ++k) {
      outside -= cost_of(rated_[k].paths[rated_[k].best]);
      options.emplace_back();
      paths.emplace_back();
      for (const RatedPath& path : rated_[k].paths) {
        if (!fits(k, path.decisions)) continue;
        options.back().push_back({path.score, cost_of(path)});
        paths.back().push_back(&path);
      }
    }
    double budget = std::numeric_limits<double>::infinity();
    if (limits.macs || limits.params) budget = (by_macs ? *limits.macs : *limits.params) - outside;
    BlockSums sums(std::move(options), budget);
    std::vector<ScoredNetwork> networks;
    for (int64_t misses = 0; static_cast<int64_t>(networks.size()) < count && misses < kMisses;) {
      const auto sum = sums.next();
      if (!sum) break;
      ScoredNetwork network;
      network.score = sum->score;
      for (size_t k = 0; k < paths.size(); ++k)
        network.decisions = BlockChain::joined(network.decisions, paths[k][sum->options[k]]->decisions);
      if (!space_->trace().is_complete(network.decisions) || !keeps(network.decisions, limits)) {
        ++misses;
        continue;
      }
      networks.push_back(std::move(network));
    }
    return networks;
  }

  Weights state() const {
    Weights all = optimizer_ ? optimizer_->state() : Weights();
    const auto add = [&all](const std::string& prefix, const Weights& more) {
      for (const auto& [name, tensor] : more.tensors) all.tensors.emplace_back(prefix + name, tensor);
    };
    for (size_t k = 0; k < states_.size(); ++k) {
      add(fmt::format("block{}/online/", k), states_[k].online->weights());
      add(fmt::format("block{}/target/", k), states_[k].target->weights());
    }
    Json epochs = Json::array(), blocks = Json::array();
    for (const SupernetEpoch& epoch : epochs_) epochs.push_back(to_json(epoch));
    for (const RatedBlock& block : rated_) {
      Json paths = Json::array();
      for (const RatedPath& path : block.paths)
        paths.push_back({{"decisions", decisions_json(path.decisions)},
                         {"score", path.score},
                         {"params", path.params},
                         {"macs", path.macs}});
      blocks.push_back({{"layers", block.layers}, {"best", block.best}, {"paths", std::move(paths)}});
    }
    all.metadata["epochs"] = epochs.dump();
    all.metadata["blocks"] = blocks.dump();
    return all;
  }

 private:
  static constexpr int64_t kMisses = 100'000;

  void check() const {
    const Recipe& recipe = settings_.recipe;
    if (recipe.crop_padding == 0 && !recipe.horizontal_flip && plan_.view_jitter == 0)
      throw UserError(
          "the two views of a sample would be the same: give train.crop_padding, train.horizontal_flip (or those of "
          "search.supernet_recipe) or search.view_jitter");
    if (task_->size(Split::validation) < 2)
      throw UserError("paths are rated on validation samples: give task.split.validation");
    for (const TensorSpec& input : task_->signature().inputs)
      if (input.type != ElementType::float32)
        throw UserError("views are made of real numbers; input '" + input.name + "' has none");
  }

  // --- counts
  std::pair<int64_t, int64_t> counts_of(const Decisions& decisions) const {
    Graph graph = space_->build(decisions).graph();
    graph.bind_symbols({{"batch", 1}});
    const GraphStatistics statistics = count_graph(graph);
    return {statistics.parameters, statistics.macs};
  }
  bool keeps(const Decisions& decisions, const Limits& limits) const {
    if (!limits.params && !limits.macs) return true;
    const auto [params, macs] = counts_of(decisions);
    return (!limits.params || static_cast<double>(params) <= *limits.params) &&
           (!limits.macs || static_cast<double>(macs) <= *limits.macs);
  }
  // With the best paths of all other blocks it is a network.
  bool fits(size_t block, const Decisions& path) const {
    Decisions all;
    for (size_t k = 0; k < rated_.size(); ++k)
      all = BlockChain::joined(all, k == block ? path : rated_[k].paths[rated_[k].best].decisions);
    return space_->trace().is_complete(all);
  }

  // --- blocks
  size_t at() const { return rated_.size(); }  // the block at hand

  Decisions fixed() const {
    Decisions all;
    for (const RatedBlock& block : rated_) all = BlockChain::joined(all, block.paths[block.best].decisions);
    return all;
  }

  // Paths, their parameters, and fresh momentum.
  void begin_block() {
    const Decisions before = fixed();
    paths_.clear();
    std::vector<Shape> shapes;
    for (Decisions& decisions : chain_.paths(at(), before, plan_.most_paths)) {
      Path path;
      path.features = chain_.part(at(), before, decisions);
      path.decisions = std::move(decisions);
      shapes.push_back(*path.features.value(path.features.outputs[0]).shape);
      Graph counted = path.features;
      counted.bind_symbols({{"batch", 1}});
      const GraphStatistics statistics = count_graph(counted);
      path.params = statistics.parameters;
      path.macs = statistics.macs;
      paths_.push_back(std::move(path));
    }
    common_ = common_shape(shapes);
    ParameterUnion online, target;
    for (const Path& path : paths_) {
      online.add(with_heads(path.features, plan_.heads, common_, true));
      target.add(with_heads(path.features, plan_.heads, common_, false));
    }
    const SharedWeightsForm form{settings_.nested_weights ? WeightLayout::nested : WeightLayout::separate, false};
    const uint64_t seed = mix_seed(options_.seed, 0x626c6f636b + at());
    BlockState state;
    state.online = std::make_unique<SharedStore>(online.graph(), form, seed, options_.numerics);
    state.target = std::make_unique<SharedStore>(target.graph(), form, seed, options_.numerics);
    states_.push_back(std::move(state));
    copy_online_to_target();
    optimizer_ = optimizer_registry().get(settings_.recipe.optimizer).make(online_().trainable(), settings_.recipe);
    steps_ = epochs_per_block_ * batches_->per_epoch();
    schedule_ = std::make_unique<Schedule>(settings_.recipe, batches_->per_epoch(), steps_);
    read_deal();
  }

  SharedStore& online_() const { return *states_.back().online; }
  SharedStore& target_() const { return *states_.back().target; }

  // Tensors of the target and their online counterparts.
  void match_sides() {
    const TrainableSet online = online_().trainable(), target = target_().trainable();
    target_tensors_ = target.tensors;
    online_tensors_.clear();
    for (const std::string& name : target.names) {
      const auto found = std::ranges::find(online.names, name);
      NACRE_CHECK(found != online.names.end(), "the online side lacks " + name);
      online_tensors_.push_back(online.tensors[static_cast<size_t>(found - online.names.begin())]);
    }
  }
  void copy_online_to_target() {
    match_sides();
    move_average(target_tensors_, online_tensors_, 0);
  }

  // Which decisions are dealt fairly: those that all paths have, with as many alternatives each.
  void read_deal() {
    dealt_.clear();
    dealt_alternatives_ = 0;
    if (plan_.paths_per_step > 0) return;
    std::map<std::string, int64_t> alternatives;
    for (const Path& path : paths_)
      for (const Decision& one : path.decisions.items())
        alternatives[one.key] = std::max(alternatives[one.key], one.index + 1);
    int64_t product = 1;
    for (const auto& [key, count] : alternatives) {
      dealt_.push_back(key);
      dealt_alternatives_ = count;
      product *= count;
    }
    const bool even =
        std::ranges::all_of(alternatives, [&](const auto& one) { return one.second == dealt_alternatives_; });
    if (!even || product != static_cast<int64_t>(paths_.size()))
      throw UserError(
          fmt::format("search.paths_per_step: fair: the decisions of block {} do not all have the same number of "
                      "alternatives in all "
                      "paths; take a number of paths to draw, e.g. 4",
                      at() + 1));
  }

  std::vector<size_t> drawn_paths(int64_t step) const {
    Random random = Random::stream(options_.seed, fmt::format("paths of block {}", at()), static_cast<uint64_t>(step));
    std::vector<size_t> drawn;
    if (dealt_.empty()) {
      const std::vector<int64_t> order = random.permutation(static_cast<int64_t>(paths_.size()));
      const auto count = std::min(paths_.size(), static_cast<size_t>(plan_.paths_per_step));
      for (size_t i = 0; i < count; ++i) drawn.push_back(static_cast<size_t>(order[i]));
      return drawn;
    }
    for (const std::vector<int64_t>& one : fair_deal(dealt_.size(), dealt_alternatives_, random)) {
      Decisions decisions;
      for (size_t i = 0; i < dealt_.size(); ++i) decisions.set(dealt_[i], one[i]);
      const auto found = std::ranges::find(paths_, decisions, &Path::decisions);
      NACRE_CHECK(found != paths_.end(), "a dealt path is one of the block's");
      drawn.push_back(static_cast<size_t>(found - paths_.begin()));
    }
    return drawn;
  }

  TorchExecutor& executor(Path& path, bool online) const {
    std::unique_ptr<TorchExecutor>& one = online ? path.online : path.target;
    if (!one)
      one = std::make_unique<TorchExecutor>(with_heads(path.features, plan_.heads, common_, online), options_.numerics);
    return *one;
  }

  void finish_block() {
    states_.back().passage.features = std::make_unique<TorchExecutor>(
        chain_.part(at() - 1, fixed_before(at() - 1), rated_.back().paths[rated_.back().best].decisions),
        options_.numerics);
    paths_.clear();
  }
  Decisions fixed_before(size_t block) const {
    Decisions all;
    for (size_t k = 0; k < block; ++k) all = BlockChain::joined(all, rated_[k].paths[rated_[k].best].decisions);
    return all;
  }

  // --- views and features
  RunMode training_mode(uint64_t stream) const {
    RunMode mode{.training = true};
    mode.update_statistics = false;
    mode.generator = make_generator(options_.numerics.device);
    mode.generator->set_current_seed(mix_seed(options_.seed, stream));
    return mode;
  }

  Inputs inputs_of(const TorchBatch& batch, Random& random) const {
    Inputs inputs;
    for (const TensorSpec& spec : task_->signature().inputs) {
      at::Tensor x = batch.at(spec.name);
      if (plan_.view_jitter > 0) x = jittered(x, random);
      inputs.push_back(x);
    }
    return inputs;
  }

  at::Tensor jittered(const at::Tensor& x, Random& random) const {
    const auto drawn = [&](int64_t count, bool normal) {
      std::vector<float> values;
      for (int64_t i = 0; i < count; ++i)
        values.push_back(static_cast<float>(plan_.view_jitter * (normal ? random.normal() : 2 * random.uniform() - 1)));
      return at::tensor(values, at::TensorOptions(at::kFloat)).to(x.device(), x.scalar_type());
    };
    if (x.dim() != 4) return x + drawn(x.numel(), true).view(x.sizes());
    const int64_t count = x.size(0);
    const at::Tensor contrast = drawn(count, false).view({count, 1, 1, 1}),
                     shift = drawn(count, false).view({count, 1, 1, 1});
    return x * (contrast + 1) + shift;
  }

  // One view of the samples of a step.
  Inputs view(int64_t step, uint64_t number) const {
    Random random = Random::stream(options_.seed, "jitter", mix_seed(static_cast<uint64_t>(step), number));
    return inputs_of(batches_->load(step, number), random);
  }

  // What the best paths of the finished blocks make of them, by the statistics of the batch.
  Inputs features(Inputs inputs, bool online, uint64_t stream) const {
    const at::NoGradGuard no_grad;
    for (size_t k = 0; k + 1 < states_.size(); ++k) {
      SharedStore& store = online ? *states_[k].online : *states_[k].target;
      inputs = states_[k].passage.features->run(inputs, store, training_mode(mix_seed(stream, k)));
    }
    return inputs;
  }

  // --- one epoch
  void run_epoch() {
    const Clock::time_point start = Clock::now();
    const auto number = static_cast<int64_t>(epochs_.size());
    const int64_t per_epoch = batches_->per_epoch();
    double sum = 0;
    for (int64_t i = 0; i < per_epoch; ++i) {
      if (options_.interrupted()) throw Interrupted();
      const double loss = step((number % epochs_per_block_) * per_epoch + i, number * per_epoch + i);
      if (!std::isfinite(loss))
        throw UserError(fmt::format("block {} diverged: its loss is not finite in epoch {}", at() + 1, number + 1));
      sum += loss;
    }
    SupernetEpoch epoch;
    epoch.epoch = number + 1;
    epoch.weight_loss = sum / static_cast<double>(per_epoch);
    epoch.time_s = std::chrono::duration<double>(Clock::now() - start).count();
    epochs_.push_back(epoch);
    options_.report(epochs_.back(), [this] { return state(); });
  }

  struct View {
    Inputs online, target;
  };
  View prepared(int64_t total, uint64_t number) const {
    const Inputs inputs = view(total, number);
    const uint64_t stream = mix_seed(static_cast<uint64_t>(total), number);
    View made;
    made.online = features(inputs, true, stream);
    made.target = states_.size() == 1 ? made.online : features(inputs, false, stream);
    return made;
  }

  // `in_block` counts the steps of the block, `total` those of all. Returns the mean loss of a path.
  double step(int64_t in_block, int64_t total) {
    const std::vector<size_t> drawn = drawn_paths(in_block);
    std::vector<std::pair<View, View>> views;
    for (size_t i = 0; i < (plan_.own_views ? drawn.size() : 1); ++i)
      views.emplace_back(prepared(total, 2 * i + 1), prepared(total, 2 * i + 2));
    const auto views_of = [&](size_t i) -> const std::pair<View, View>& { return views[plan_.own_views ? i : 0]; };
    std::vector<at::Tensor> first, second;  // projections of the target
    {
      const at::NoGradGuard no_grad;
      for (size_t i = 0; i < drawn.size(); ++i) {
        const TorchExecutor& target = executor(paths_[drawn[i]], false);
        first.push_back(target.run(views_of(i).first.target, target_(), training_mode(1))[0]);
        second.push_back(target.run(views_of(i).second.target, target_(), training_mode(1))[0]);
      }
    }
    const at::Tensor first_all = ensemble_target(first), second_all = ensemble_target(second);
    SharedStore& store = online_();
    store.begin_step();
    std::vector<at::Tensor> gradients;
    double sum = 0;
    for (size_t i = 0; i < drawn.size(); ++i) {
      const TorchExecutor& online = executor(paths_[drawn[i]], true);
      const at::Tensor said_first = online.run(views_of(i).first.online, store, training_mode(2))[0];
      const at::Tensor said_second = online.run(views_of(i).second.online, store, training_mode(2))[0];
      const at::Tensor loss =
          cosine_distance(said_first, plan_.ensemble ? second_all : ensemble_target({&second[i], 1})) +
          cosine_distance(said_second, plan_.ensemble ? first_all : ensemble_target({&first[i], 1}));
      sum += loss.item<double>();
      store.accumulate(gradients, store.gradients(loss));
    }
    double scale = 1;
    if (settings_.recipe.gradient_clip > 0)
      scale = std::min(1.0, settings_.recipe.gradient_clip / (gradient_norm(gradients) + 1e-6));
    optimizer_->step(gradients, schedule_->rate(in_block), scale, store.regions());
    move_average(target_tensors_, online_tensors_, target_momentum(plan_.base_momentum, in_block, steps_));
    return sum / static_cast<double>(drawn.size());
  }

  // --- rating
  struct RatingBatch {
    View first, second;
    int64_t count = 0;
  };

  std::vector<RatingBatch> rating_batches() const {
    const int64_t count = std::min<int64_t>(plan_.rating_samples, held_out_.size());
    const int64_t size = std::min<int64_t>(count, std::max<int64_t>(settings_.recipe.batch_size, 64));
    const std::vector<int64_t> order = Random::stream(options_.seed, "rating").permutation(held_out_.size());
    std::vector<RatingBatch> batches;
    for (int64_t first = 0; first + size <= count; first += size) {
      const auto indices =
          std::span<const int64_t>(order).subspan(static_cast<size_t>(first), static_cast<size_t>(size));
      RatingBatch batch;
      batch.count = size;
      for (const uint64_t number : {1, 2}) {
        Random random = Random::stream(options_.seed, "rating view", mix_seed(static_cast<uint64_t>(first), number));
        const TorchBatch loaded = held_out_.load(indices, random);
        const Inputs inputs = inputs_of(loaded, random);
        View& seen = number == 1 ? batch.first : batch.second;
        seen.online = features(inputs, true, 3);
        seen.target = features(inputs, false, 3);
      }
      batches.push_back(std::move(batch));
    }
    return batches;
  }

  // Training samples in both views, for the statistics of every path.
  std::vector<View> calibration() const {
    std::vector<View> views;
    const int64_t count = std::max<int64_t>(1, plan_.calibration_samples / batches_->size());
    for (int64_t i = 0; i < std::min(count, batches_->per_epoch()); ++i) {
      const View a = prepared(i, 1), b = prepared(i, 2);
      View both;
      both.online = pair_of(a.online, b.online);
      both.target = pair_of(a.target, b.target);
      views.push_back(std::move(both));
    }
    return views;
  }

  void rate_block() {
    const at::NoGradGuard no_grad;
    const std::vector<RatingBatch> batches = rating_batches();
    std::vector<Inputs> online_calibration, target_calibration;
    for (const View& one : calibration()) {
      online_calibration.push_back(one.online);
      target_calibration.push_back(one.target);
    }
    const auto run = [this](Path& path, bool online, const Inputs& inputs) {
      return executor(path, online).run(inputs, online ? online_() : target_(), RunMode{})[0];
    };
    std::vector<at::Tensor> first(batches.size()), second(batches.size());  // centers
    for (Path& path : paths_) {
      if (options_.interrupted()) throw Interrupted();
      take_running_statistics(executor(path, false), target_(), target_calibration, options_.seed);
      for (size_t i = 0; i < batches.size(); ++i) {
        const auto add = [&](at::Tensor& center, const View& seen) {
          const at::Tensor one = ensemble_target(std::vector<at::Tensor>{run(path, false, seen.target)});
          center = center.defined() ? center + one : one;
        };
        add(first[i], batches[i].first);
        add(second[i], batches[i].second);
      }
    }
    RatedBlock block;
    block.layers = chain_.layers(at());
    for (Path& path : paths_) {
      if (options_.interrupted()) throw Interrupted();
      take_running_statistics(executor(path, true), online_(), online_calibration, options_.seed);
      double sum = 0;
      for (size_t i = 0; i < batches.size(); ++i) {
        sum += (cosine_distance(run(path, true, batches[i].first.online), second[i]) +
                cosine_distance(run(path, true, batches[i].second.online), first[i]))
                   .item<double>();
      }
      block.paths.push_back({path.decisions, sum / static_cast<double>(batches.size()), path.params, path.macs});
    }
    block.best =
        static_cast<size_t>(std::ranges::min_element(block.paths, {}, &RatedPath::score) - block.paths.begin());
    rated_.push_back(std::move(block));
  }

  // --- going on
  static Weights below(const Weights& all, const std::string& prefix) {
    Weights part;
    for (const auto& [name, tensor] : all.tensors)
      if (name.starts_with(prefix)) part.tensors.emplace_back(name.substr(prefix.size()), tensor);
    return part;
  }

  void resume(const Weights& state) {
    const auto epochs = state.metadata.find("epochs"), blocks = state.metadata.find("blocks");
    if (epochs == state.metadata.end() || blocks == state.metadata.end())
      throw UserError("the state of the supernet lacks its record of epochs and blocks");
    const Json known = Json::parse(blocks->second);
    for (size_t k = 0;; ++k) {
      begin_block();
      online_().load(below(state, fmt::format("block{}/online/", k)));
      target_().load(below(state, fmt::format("block{}/target/", k)));
      if (k == known.size()) break;
      RatedBlock block;
      block.layers = known[k].at("layers").get<std::vector<std::string>>();
      block.best = known[k].at("best");
      for (const Json& path : known[k].at("paths"))
        block.paths.push_back(
            {decisions_of(path.at("decisions")), path.at("score"), path.at("params"), path.at("macs")});
      rated_.push_back(std::move(block));
      finish_block();
      if (rated_.size() == chain_.size()) break;
    }
    optimizer_->load(state);
    for (const Json& json : Json::parse(epochs->second)) {
      SupernetEpoch epoch;
      epoch.epoch = json.at("epoch");
      epoch.weight_loss = json.at("weight_loss");
      epoch.time_s = json.at("time_s");
      epochs_.push_back(std::move(epoch));
    }
  }

  std::shared_ptr<const Space> space_;
  std::shared_ptr<const Task> task_;
  const SupernetSettings settings_;
  const BlockwiseSettings plan_;
  const SupernetOptions options_;
  const BlockChain chain_;
  BatchSource source_, held_out_;
  std::unique_ptr<Batches> batches_;
  int64_t epochs_per_block_ = 1, steps_ = 1;
  std::vector<BlockState> states_;  // of the blocks so far, the one at hand last
  std::vector<Path> paths_;         // of the block at hand
  std::optional<Shape> common_;
  std::vector<at::Tensor> target_tensors_, online_tensors_;
  std::vector<std::string> dealt_;
  int64_t dealt_alternatives_ = 0;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::vector<RatedBlock> rated_;
  std::vector<SupernetEpoch> epochs_;
};

BlockTraining::BlockTraining(std::shared_ptr<const Space> space, std::shared_ptr<const Task> task,
                             SupernetSettings settings, SupernetOptions options)
    : impl_(std::make_unique<Impl>(std::move(space), std::move(task), std::move(settings), std::move(options))) {}
BlockTraining::~BlockTraining() = default;

void BlockTraining::run() { impl_->run(); }
const std::vector<BlockTraining::RatedBlock>& BlockTraining::blocks() const { return impl_->blocks(); }
size_t BlockTraining::block_count() const { return impl_->block_count(); }
std::vector<BlockTraining::ScoredNetwork> BlockTraining::proposed(int64_t count, const Limits& limits) const {
  return impl_->proposed(count, limits);
}
const std::vector<SupernetEpoch>& BlockTraining::epochs() const { return impl_->epochs(); }
int64_t BlockTraining::parameter_count() const { return impl_->parameter_count(); }
Weights BlockTraining::state() const { return impl_->state(); }

std::string path_text(const Trace& trace, const Decisions& some) {
  std::string text;
  for (const Decision& one : some.items()) {
    const auto id = trace.find_decision(one.key);
    NACRE_CHECK(id.has_value(), "a decision of the space: " + one.key);
    const std::string& label = trace.decisions()[static_cast<size_t>(*id)].alternatives[static_cast<size_t>(one.index)];
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", one.key, label);
  }
  return text;
}

Json to_json(const BlockTraining::RatedBlock& block, const Trace& trace) {
  Json paths = Json::array();
  for (const BlockTraining::RatedPath& path : block.paths)
    paths.push_back({{"path", path_text(trace, path.decisions)},
                     {"decisions", decisions_json(path.decisions)},
                     {"score", path.score},
                     {"params", path.params},
                     {"macs", path.macs}});
  return {{"layers", block.layers}, {"best", block.best}, {"paths", std::move(paths)}};
}

}  // namespace nacre
