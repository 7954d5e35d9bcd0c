import type { AppValues } from '../app-values.ts';

/** What compilers, and the programs that start them for a Python package, read. A package may read any other, which nobody can know. */
const BUILD_VARIABLE =
  /^(CC|CXX|FC|CPP|AR|AS|LD|(\w+_)?(C|CC|CPP|CXX|F|F77|F90|FC|LD|MAKE|NVCC|RUST|CARGO)FLAGS|CPATH|LIBRARY_PATH|\w*_INCLUDE_PATH|(\w+_)?CMAKE_\w+|SKBUILD_\w+|MESON\w*|NINJA\w*|PKG_CONFIG\w*|CARGO_\w+|RUST\w+|MATURIN_\w+)$/;
/** They open doors, and many are new for each job, whose environment would then never be found again. */
const CREDENTIAL = /TOKEN|PASSWORD|SECRET|CREDENTIAL/;

/** The variables that decide how packages are built which have no wheel, with their values, in the order of their names. */
export function buildVariables(
  values: AppValues,
  passEnv: Readonly<Record<string, string>>,
): ReadonlyArray<readonly [name: string, value: string]> {
  const all = { ...passEnv, ...values.secret, ...values.env };
  return Object.entries(all)
    .filter(([name]) => BUILD_VARIABLE.test(name) && !CREDENTIAL.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
