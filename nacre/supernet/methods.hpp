// The methods that learn an architecture, one declaration each; definitions in methods/. Internal.
#pragma once

#include "nacre/supernet/method.hpp"

namespace nacre {

void add_fbnet(Registry<MethodFactory>& list);
void add_proxyless(Registry<MethodFactory>& list);
void add_darts(Registry<MethodFactory>& list);
void add_pc_darts(Registry<MethodFactory>& list);
void add_sharpdarts(Registry<MethodFactory>& list);
void add_rarts(Registry<MethodFactory>& list);
void add_single_path(Registry<MethodFactory>& list);
void add_bossnas(Registry<MethodFactory>& list);

// Records of keys.
Parameter real_key(std::string name, std::string description, double fallback, double low, double high);
Parameter integer_key(std::string name, std::string description, int64_t fallback, double low, double high);
Parameter word_key(std::string name, std::string description, std::string fallback, std::vector<std::string> choices);
Parameter flag_key(std::string name, std::string description, bool fallback);

// Every key a method may have, with `own` defaults (by name) in place of the common ones. InternalError for an unknown name.
std::vector<Parameter> method_parameters(const std::vector<std::pair<std::string, Json>>& own);
// The recipe of shared weights: that of networks that stand alone, without what makes sense for those only, with `epochs` and the
// fields that `given` names. `owner` is the section for messages.
Recipe supernet_recipe(const Recipe& train, double epochs, const ConfigNode& given, const std::string& owner);
// Settings as those keys say.
SupernetSettings settings_from_options(const Options& options, const Recipe& train);

}  // namespace nacre
