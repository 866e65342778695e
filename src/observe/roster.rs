//! Who the tenants are: ids, slugs and their order, the same for everyone who knows the fleet.

use std::collections::HashMap;
use std::fmt;

use uuid::Uuid;

use crate::scenario::{Fleet, TenantSlug, Tier};

/// Namespace of tenant ids (UUID v5 of the slug), so that every template of a fleet holds the same ids.
const TENANT_NAMESPACE: Uuid = Uuid::from_u128(0x5f0c_2a5e_9d1b_4c56_8f0d_7e6a_3b21_c0de);

/// The value of a tenant column and of the tenant context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub Uuid);

impl TenantId {
    /// The id of a seeded tenant.
    pub fn of(slug: TenantSlug) -> Self {
        Self(Uuid::new_v5(&TENANT_NAMESPACE, slug.to_string().as_bytes()))
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fleet's tenants in fleet order: starter, growth, enterprise, each from ordinal 1.
#[derive(Debug, Clone)]
pub struct Roster {
    slugs: Vec<TenantSlug>,
    ids: Vec<TenantId>,
    index: HashMap<TenantId, u32>,
}

impl Roster {
    /// The roster of a fleet.
    pub fn of(fleet: &Fleet) -> Self {
        let slugs: Vec<_> = Tier::ALL
            .into_iter()
            .flat_map(|tier| (1..=fleet.of(tier)).map(move |ordinal| TenantSlug { tier, ordinal }))
            .collect();
        let ids: Vec<_> = slugs.iter().copied().map(TenantId::of).collect();
        let index = ids.iter().copied().zip(0..).collect();
        Self { slugs, ids, index }
    }

    /// How many tenants there are.
    pub fn len(&self) -> usize {
        self.slugs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slugs.is_empty()
    }

    /// The tenant at a place in fleet order.
    ///
    /// # Panics
    /// If `index` is not below [`Self::len`].
    pub fn slug(&self, index: u32) -> TenantSlug {
        self.slugs[index as usize]
    }

    /// The id at a place in fleet order.
    ///
    /// # Panics
    /// If `index` is not below [`Self::len`].
    pub fn id(&self, index: u32) -> TenantId {
        self.ids[index as usize]
    }

    /// The place of an id; `None` if it is no tenant of this fleet.
    pub fn index_of(&self, id: TenantId) -> Option<u32> {
        self.index.get(&id).copied()
    }

    /// The place of a slug; `None` if the fleet has no such tenant.
    pub fn index_of_slug(&self, slug: TenantSlug) -> Option<u32> {
        self.index_of(TenantId::of(slug))
    }

    /// Every tenant in fleet order.
    pub fn iter(&self) -> impl Iterator<Item = (TenantSlug, TenantId)> + '_ {
        self.slugs.iter().copied().zip(self.ids.iter().copied())
    }
}
